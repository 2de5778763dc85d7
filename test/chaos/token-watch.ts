import type { HttpReply } from './http-proxy.ts';
import type { HttpCall } from './steps.ts';

/** Counts the renewals of sessions at the login host. */
export class TokenWatch {
  /** sessions that were renewed with a refresh token */
  renewals = 0;
  /** refresh tokens that Salesforce refused: it has ended their grants */
  refused = 0;

  /** Sees a reply of the login host. */
  note({ body }: HttpCall, { status }: HttpReply): void {
    if (!body.includes('grant_type=refresh_token')) return;
    if (status === 200) this.renewals++;
    else if (status === 400) this.refused++;
  }
}
