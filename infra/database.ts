import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Settings } from './config.ts';
import type { Encryption } from './encryption.ts';
import type { Network } from './network.ts';
import { DATABASE_PORT } from './ports.ts';

/** The same major version as the local job store; minor versions are RDS's to bring. */
const POSTGRES_MAJOR = '17';

const NAME = 'sync';

interface DatabaseArgs {
  settings: Settings;
  network: Network;
  encryption: Encryption;
}

/** The job store: Postgres on RDS, encrypted, reached by the service alone, its password made and changed by RDS. */
export class Database extends pulumi.ComponentResource {
  readonly host: pulumi.Output<string>;
  readonly port = DATABASE_PORT;
  readonly database = NAME;
  readonly user = NAME;
  /** where RDS keeps the password, as JSON with `username` and `password`; it changes every seven days, so read it when connecting */
  readonly secretArn: pulumi.Output<string>;
  readonly identifier: pulumi.Output<string>;
  readonly instanceClass: string;

  constructor({ settings, network, encryption }: DatabaseArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Database', settings.name, {}, options);
    const instance = createInstance(this, settings, network, encryption.keyArn);
    this.host = instance.address;
    this.secretArn = instance.masterUserSecrets.apply(findSecretArn);
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
    // RDS's own default since 15, stated because the password would otherwise go in the clear.
    { family: `postgres${POSTGRES_MAJOR}`, parameters: [{ name: 'rds.force_ssl', value: '1' }] },
    { parent },
  );
  return new aws.rds.Instance(
    name,
    {
      engine: 'postgres',
      // A major version alone is taken as a prefix, so that a minor upgrade by RDS is not undone by the next update.
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
      deletionProtection: protect,
      applyImmediately: !protect,
      ...(database.snapshot && { snapshotIdentifier: database.snapshot }),
      ...whatStays(parent, name, database),
    },
    { parent, protect },
  );
}

/**
 * What a deleted database leaves. Not by `protect`, which has to be taken away before anything can be deleted. A snapshot's name has a
 * random end, since the one of an earlier stack, or of the database that this one was restored in the place of, is still there.
 */
function whatStays(parent: pulumi.Resource, name: string, database: Settings['database']): Partial<aws.rds.InstanceArgs> {
  if (!database.lastSnapshot) return { skipFinalSnapshot: true, deleteAutomatedBackups: true };
  const keepers = { madeOf: database.snapshot ?? '' };
  const suffix = new random.RandomId(`${name}-last-snapshot`, { byteLength: 4, keepers }, { parent });
  return {
    skipFinalSnapshot: false,
    finalSnapshotIdentifier: pulumi.interpolate`${name}-last-${suffix.hex}`,
    deleteAutomatedBackups: false,
  };
}

/** RDS makes the secret with the instance; a preview, and an instance that is switching to it, have none yet. */
function findSecretArn(secrets: { secretArn: string }[] | undefined): string {
  const arn = secrets?.[0]?.secretArn;
  if (arn) return arn;
  if (pulumi.runtime.isDryRun()) return 'known after the update';
  throw new pulumi.RunError("RDS has not made the database password's secret yet: run `pulumi up` again.");
}
