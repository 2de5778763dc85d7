import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Settings } from './config.ts';
import type { Encryption } from './encryption.ts';
import type { Network } from './network/network.ts';
import { DATABASE_PORT } from './network/ports.ts';

/** The same major version as the local job store. RDS applies minor upgrades itself. */
const POSTGRES_MAJOR = '17';

const NAME = 'sync';

interface DatabaseArgs {
  settings: Settings;
  network: Network;
  encryption: Encryption;
}

/** The job store: encrypted Postgres on RDS that only the service can reach. RDS generates and rotates the password of its master. */
export class Database extends pulumi.ComponentResource {
  readonly host: pulumi.Output<string>;
  readonly port = DATABASE_PORT;
  readonly database = NAME;
  /** the role that RDS creates, which nothing uses after set-up */
  readonly master = NAME;
  /** the secret with its password, as JSON with `username` and `password`; RDS rotates it every seven days */
  readonly masterSecretArn: pulumi.Output<string>;
  readonly identifier: pulumi.Output<string>;
  readonly instanceClass: string;

  constructor({ settings, network, encryption }: DatabaseArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Database', settings.name, {}, options);
    const instance = createInstance(this, settings, network, encryption.keyArn);
    this.host = instance.address;
    this.masterSecretArn = instance.masterUserSecrets.apply(findSecretArn);
    this.identifier = instance.identifier;
    this.instanceClass = settings.database.instanceClass;
    this.registerOutputs({ host: this.host });
  }
}

function createInstance(
  parent: pulumi.Resource,
  { name, protect, database }: Settings,
  network: Network,
  keyArn: pulumi.Output<string> | undefined,
): aws.rds.Instance {
  const subnets = new aws.rds.SubnetGroup(name, { subnetIds: network.isolatedSubnetIds }, { parent });
  const parameters = new aws.rds.ParameterGroup(
    name,
    // RDS's default since Postgres 15, set explicitly because connections must never be unencrypted.
    { family: `postgres${POSTGRES_MAJOR}`, parameters: [{ name: 'rds.force_ssl', value: '1' }] },
    { parent },
  );
  return new aws.rds.Instance(
    name,
    {
      engine: 'postgres',
      // Only the major version: it matches as a prefix, so the next update does not revert RDS's minor upgrades.
      engineVersion: POSTGRES_MAJOR,
      autoMinorVersionUpgrade: true,
      instanceClass: database.instanceClass,
      dbName: NAME,
      port: DATABASE_PORT,
      parameterGroupName: parameters.name,
      username: NAME,
      manageMasterUserPassword: true,
      ...(keyArn ? { kmsKeyId: keyArn, masterUserSecretKmsKeyId: keyArn } : {}),
      storageEncrypted: true,
      storageType: 'gp3',
      allocatedStorage: database.storageGib,
      maxAllocatedStorage: database.storageGib * 5,
      dbSubnetGroupName: subnets.name,
      vpcSecurityGroupIds: [network.databaseGroup.id],
      publiclyAccessible: false,
      caCertIdentifier: 'rds-ca-rsa2048-g1',
      multiAz: database.multiZone,
      backupRetentionPeriod: database.backupDays,
      copyTagsToSnapshot: true,
      // Both are free up to seven days. RDS keeps the exported log in a log group of its own, which the program cannot create beforehand.
      performanceInsightsEnabled: true,
      performanceInsightsRetentionPeriod: 7,
      ...(keyArn ? { performanceInsightsKmsKeyId: keyArn } : {}),
      enabledCloudwatchLogsExports: ['postgresql', 'upgrade'],
      deletionProtection: protect,
      applyImmediately: !protect,
      ...(database.snapshot && { snapshotIdentifier: database.snapshot }),
      ...deletionSettings(parent, name, database),
    },
    { parent, protect },
  );
}

/**
 * What a deleted database leaves behind. Independent of `protect`, which must be switched off before anything can be deleted. The
 * snapshot's name has a random suffix because earlier snapshots remain: those of an earlier stack, and of a database replaced in a restore.
 */
function deletionSettings(parent: pulumi.Resource, name: string, database: Settings['database']): Partial<aws.rds.InstanceArgs> {
  if (!database.lastSnapshot) return { skipFinalSnapshot: true, deleteAutomatedBackups: true };
  const keepers = { snapshot: database.snapshot ?? '' };
  const suffix = new random.RandomId(`${name}-last-snapshot`, { byteLength: 4, keepers }, { parent });
  return {
    skipFinalSnapshot: false,
    finalSnapshotIdentifier: pulumi.interpolate`${name}-last-${suffix.hex}`,
    deleteAutomatedBackups: false,
  };
}

/** RDS creates the secret with the instance. A preview, and an instance that is switching to a managed password, have none yet. */
function findSecretArn(secrets: { secretArn: string }[] | undefined): string {
  const arn = secrets?.[0]?.secretArn;
  if (arn) return arn;
  if (pulumi.runtime.isDryRun()) return 'known after the update';
  throw new pulumi.RunError('RDS has not created the secret with the database password yet. Run `npm run pulumi -- up` again.');
}
