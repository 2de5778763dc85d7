import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { ALARM_PUBLISHERS } from './alarms/publishers.ts';
import type { Settings } from './config.ts';
import { policyDocument, type Statement } from './policy.ts';

interface EncryptionArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
}

/** The KMS key that encrypts the stack's data in AWS. Without `customerKey`, AWS-managed keys do. */
export class Encryption extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string> | undefined;

  constructor({ settings, accountId }: EncryptionArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Encryption', settings.name, {}, options);
    if (settings.customerKey) this.keyArn = createKey(this, settings, accountId).arn;
    this.registerOutputs({ keyArn: this.keyArn });
  }

  /** Lets a role decrypt secrets with the key, and nothing else that the key encrypts. Empty without a key. */
  decryptSecretsStatements(region: string): Statement[] {
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
    // Whatever the deleted database leaves behind can be decrypted only with this key.
    { parent, protect: settings.protect, retainOnDelete: settings.database.lastSnapshot },
  );
  new aws.kms.Alias(settings.name, { name: `alias/${settings.name}`, targetKeyId: key.keyId }, { parent, protect: settings.protect });
  return key;
}

/** In a key policy, the resource `*` means the key itself; AWS offers no other notation. */
function keyPolicy({ name, region }: Settings, accountId: pulumi.Input<string>): pulumi.Output<string> {
  const logGroups = pulumi.interpolate`arn:aws:logs:${region}:${accountId}:log-group:${name}*`;
  return policyDocument([
    {
      // Without this statement the key could never be changed again, and the roles' policies would have no effect.
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
      // They publish as themselves, which the AWS-managed key of SNS does not allow.
      Sid: 'Alarms',
      Principal: { Service: ALARM_PUBLISHERS },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
    },
  ]);
}
