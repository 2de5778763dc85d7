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

/** One version of a secret. A changed secret has a new reference, which changes the task definition and is therefore deployed. */
export interface VersionedSecret {
  arn: pulumi.Output<string>;
  versionId: pulumi.Output<string>;
  /** for a container's `secrets`: the whole text */
  reference: pulumi.Output<string>;
}

/** The app's secret environment variables. */
export class Secrets extends pulumi.ComponentResource {
  /** by the app's variable */
  readonly byVariable: Record<string, VersionedSecret>;
  /** the schedule's key in plain text, for the schedule only; the app gets its hash */
  readonly tickKey: pulumi.Output<string>;

  constructor({ settings, encryption }: SecretsArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Secrets', settings.name, {}, options);
    const { salesforceApps, alertWebhookUrl, alertWebhookSecret, apiKeys, tickKeys, tokenKeys } = settings.secrets;
    const tokenKeyValues = tokenKeys.map((number) => createTokenKey(this, settings, number));
    const tickKeyValues = tickKeys.map((number) => createTickKey(this, settings, number));
    this.tickKey = tickKeyValues[0]!;
    const secret = (part: string, value: pulumi.Output<string>) => createSecret(this, settings, encryption, part, value);
    this.byVariable = {
      API_KEYS: secret('api-keys', listApiKeys(tickKeyValues, apiKeys)),
      HASH_SALT: secret('hash-salt', createHashSalt(this, settings)),
      SALESFORCE_APPS: secret('salesforce-apps', salesforceApps),
      TOKEN_KEYS: secret(
        'token-keys',
        pulumi.all(tokenKeyValues).apply((keys) => keys.join(',')),
      ),
      ...(alertWebhookUrl && { ALERT_WEBHOOK_URL: secret('alert-webhook-url', alertWebhookUrl) }),
      ...(alertWebhookSecret && { ALERT_WEBHOOK_SECRET: secret('alert-webhook-secret', alertWebhookSecret) }),
    };
    this.registerOutputs({});
  }
}

/** Seals the tokens in the job store. No other key can open them, so this one is never regenerated and is protected from deletion. */
function createTokenKey(parent: pulumi.Resource, { name, protect }: Settings, number: number): pulumi.Output<string> {
  const key = new random.RandomBytes(
    `${name}-token-key-${number}`,
    { length: 32 },
    { parent, protect, ignoreChanges: ['length', 'keepers'] },
  );
  return pulumi.secret(key.base64);
}

/** Hashes of the same value must stay the same, so this is never regenerated and is protected from deletion. */
function createHashSalt(parent: pulumi.Resource, { name, protect }: Settings): pulumi.Output<string> {
  const salt = new random.RandomBytes(`${name}-hash-salt`, { length: 32 }, { parent, protect, ignoreChanges: ['length', 'keepers'] });
  return pulumi.secret(salt.hex);
}

function createTickKey(parent: pulumi.Resource, { name }: Settings, number: number): pulumi.Output<string> {
  return pulumi.secret(new random.RandomBytes(`${name}-tick-key-${number}`, { length: 32 }, { parent }).hex);
}

/** The app's API_KEYS, with all of the schedule's keys: the running tasks must accept a new key before EventBridge sends it. */
function listApiKeys(tickKeys: pulumi.Output<string>[], callerKeys: string[]): pulumi.Output<string> {
  return pulumi.all(tickKeys).apply((keys) => [...keys.map((key) => `schedule:tick:${sha256(key)}`), ...callerKeys].join(','));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Creates a secret with its current value. */
export function createSecret(
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
    // A rollback needs the version of its task definition. Secrets Manager removes old versions itself.
    { parent, retainOnDelete: true },
  );
  return { arn: secret.arn, versionId: version.versionId, reference: pulumi.interpolate`${secret.arn}:::${version.versionId}` };
}
