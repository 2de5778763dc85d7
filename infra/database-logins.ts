import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Settings } from './config.ts';
import type { Encryption } from './encryption.ts';
import { createSecret, type VersionedSecret } from './secrets.ts';

/** Owns the tables; only the container that migrates them has its password. */
export const OWNER = 'sync_owner';

/** Reads and writes rows, and can change no table. */
export const RUNTIME = 'sync_app';

interface DatabaseLoginsArgs {
  settings: Settings;
  encryption: Encryption;
}

/** The passwords of the job store's two roles, which the first migration creates. */
export class DatabaseLogins extends pulumi.ComponentResource {
  readonly owner: VersionedSecret;
  /** as JSON with `username` and `password`: the app reads it on each connect */
  readonly runtime: VersionedSecret;

  constructor({ settings, encryption }: DatabaseLoginsArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:DatabaseLogins', settings.name, {}, options);
    const password = (part: string) =>
      pulumi.secret(new random.RandomPassword(`${settings.name}-${part}`, { length: 40, special: false }, { parent: this }).result);
    this.owner = createSecret(this, settings, encryption, 'database-owner', password('database-owner'));
    const login = pulumi.jsonStringify({ username: RUNTIME, password: password('database-runtime') });
    this.runtime = createSecret(this, settings, encryption, 'database-runtime', login);
    this.registerOutputs({});
  }
}
