import type { AwsService } from './call-aws.ts';
import { readSecret } from './read-secret.ts';

/** RDS rotates its password weekly. We pick up the new one within this time, or immediately if Postgres refuses the old one. */
const MAX_AGE_MS = 60_000;

/** The password from RDS's own secret (JSON: username, password), cached for a minute or until `forget`. */
export function databasePassword(store: AwsService, arn: string): { read(): Promise<string>; forget(): void } {
  let known: { password: string; until: number } | undefined;
  return {
    async read() {
      if (known && Date.now() < known.until) return known.password;
      const { password } = JSON.parse(await readSecret(store, arn)) as { password: string };
      known = { password, until: Date.now() + MAX_AGE_MS };
      return password;
    },
    forget() {
      known = undefined;
    },
  };
}
