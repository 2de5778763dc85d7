import { createHash } from 'node:crypto';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Settings } from './config.ts';
import type { Encryption } from './encryption.ts';

interface SecretsArgs {
  settings: Settings;
  encryption: Encryption;
}

/** A secret at one of its versions: another version is another reference, so a changed secret is a changed task, and is deployed. */
interface VersionedSecret {
  arn: pulumi.Output<string>;
  reference: pulumi.Output<string>;
}

/** What the app must be told in secret. */
export class Secrets extends pulumi.ComponentResource {
  /** by the app's variable */
  readonly byVariable: Record<string, VersionedSecret>;
  /** the schedule's key in plain text, for the schedule alone; the app knows its hash */
  readonly tickKey: pulumi.Output<string>;

  constructor({ settings, encryption }: SecretsArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Secrets', settings.name, {}, options);
    const { salesforceApps, apiKeys, tickKeys, tokenKeys } = settings.secrets;
    const sealing = tokenKeys.map((number) => createTokenKey(this, settings, number));
    const ticking = tickKeys.map((number) => createTickKey(this, settings, number));
    this.tickKey = ticking[0]!;
    const secret = (part: string, value: pulumi.Output<string>) => createSecret(this, settings, encryption, part, value);
    this.byVariable = {
      API_KEYS: secret('api-keys', listApiKeys(ticking, apiKeys)),
      SALESFORCE_APPS: secret('salesforce-apps', salesforceApps),
      TOKEN_KEYS: secret(
        'token-keys',
        pulumi.all(sealing).apply((keys) => keys.join(',')),
      ),
    };
    this.registerOutputs({});
  }
}

/** Seals the tokens in the job store. Another key would open none of them: it is never made anew, and protected from being removed. */
function createTokenKey(parent: pulumi.Resource, { name, protect }: Settings, number: number): pulumi.Output<string> {
  const key = new random.RandomBytes(
    `${name}-token-key-${number}`,
    { length: 32 },
    { parent, protect, ignoreChanges: ['length', 'keepers'] },
  );
  return pulumi.secret(key.base64);
}

function createTickKey(parent: pulumi.Resource, { name }: Settings, number: number): pulumi.Output<string> {
  return pulumi.secret(new random.RandomBytes(`${name}-tick-key-${number}`, { length: 32 }, { parent }).hex);
}

/** The app's API_KEYS. All of the schedule's keys are in it: a new one has to be accepted by what runs before EventBridge sends it. */
function listApiKeys(ticking: pulumi.Output<string>[], others: string[]): pulumi.Output<string> {
  return pulumi.all(ticking).apply((keys) => [...keys.map((key) => `schedule:tick:${sha256(key)}`), ...others].join(','));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function createSecret(
  parent: pulumi.Resource,
  { name, protect }: Settings,
  { keyArn }: Encryption,
  part: string,
  value: pulumi.Output<string>,
): VersionedSecret {
  const secret = new aws.secretsmanager.Secret(
    `${name}-${part}`,
    { recoveryWindowInDays: protect ? 30 : 0, ...(keyArn ? { kmsKeyId: keyArn } : {}) },
    { parent, protect },
  );
  const version = new aws.secretsmanager.SecretVersion(
    `${name}-${part}`,
    { secretId: secret.id, secretString: pulumi.secret(value) },
    // A task that is rolled back asks for the version it was made with. Secrets Manager lets old ones go by itself.
    { parent, retainOnDelete: true },
  );
  return { arn: secret.arn, reference: pulumi.interpolate`${secret.arn}:::${version.versionId}` };
}
