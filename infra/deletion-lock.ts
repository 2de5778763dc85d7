import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Settings } from './config.ts';

interface DeletionLockArgs {
  settings: Settings;
  /** everything else in the stack */
  components: pulumi.ComponentResource[];
}

/**
 * Keeps a mistaken `pulumi destroy` from deleting anything. Pulumi deletes what nothing depends on first, and stops only at the first
 * protected resource it reaches: without the lock, that is after dozens. The lock depends on all others, so it is the first. It exists in
 * Pulumi's state only.
 */
export class DeletionLock extends pulumi.ComponentResource {
  constructor({ settings, components }: DeletionLockArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:DeletionLock', settings.name, {}, options);
    new random.RandomId(
      `${settings.name}-deletion-lock`,
      { byteLength: 1 },
      { parent: this, protect: settings.protect, dependsOn: components },
    );
    this.registerOutputs({});
  }
}
