import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import { policyDocument, type Statement } from './policy.ts';

interface EncryptionArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
}

/** The key that encrypts what AWS keeps for us; without `customerKey`, AWS's own keys do. */
export class Encryption extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string> | undefined;

  constructor({ settings, accountId }: EncryptionArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Encryption', settings.name, {}, options);
    if (settings.customerKey) this.keyArn = createKey(this, settings, accountId).arn;
    this.registerOutputs({ keyArn: this.keyArn });
  }

  /** What a role needs in order to read secrets that the key encrypts, and nothing else that it encrypts. */
  readSecretsWith(region: string): Statement[] {
    if (!this.keyArn) return [];
    const viaSecretsManager = { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } };
    return [{ Sid: 'DecryptSecrets', Action: ['kms:Decrypt'], Resource: this.keyArn, Condition: viaSecretsManager }];
  }
}

function createKey(parent: Encryption, settings: Settings, accountId: pulumi.Input<string>): aws.kms.Key {
  const key = new aws.kms.Key(
    settings.name,
    {
      description: `${settings.name}: database, secrets, logs and alarms`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: keyPolicy(settings, accountId),
    },
    // What the database leaves can be read with it alone.
    { parent, protect: settings.protect, retainOnDelete: settings.database.lastSnapshot },
  );
  new aws.kms.Alias(settings.name, { name: `alias/${settings.name}`, targetKeyId: key.keyId }, { parent });
  return key;
}

/** In a key's policy, the resource `*` is the key itself: AWS has no other way to say it. */
function keyPolicy({ name, region }: Settings, accountId: pulumi.Input<string>): pulumi.Output<string> {
  const logGroups = pulumi.interpolate`arn:aws:logs:${region}:${accountId}:log-group:${name}*`;
  return policyDocument([
    {
      // Without it nobody could change the key again, and no role's own policy would count.
      Sid: 'AccountDecidesByRoles',
      Principal: { AWS: pulumi.interpolate`arn:aws:iam::${accountId}:root` },
      Action: ['kms:*'],
      Resource: '*',
    },
    {
      Sid: 'Logs',
      Principal: { Service: `logs.${region}.amazonaws.com` },
      Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:GenerateDataKey', 'kms:DescribeKey'],
      Resource: '*',
      Condition: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': logGroups } },
    },
    {
      // An alarm is published under CloudWatch's own name, which AWS's key for SNS does not admit.
      Sid: 'Alarms',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
    },
  ]);
}
