import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Changes, changesBetween } from './support/changes.ts';
import { type ProgramRun, runProgram, runProgramAgain } from './support/run-program.ts';

const run = (changes: Record<string, unknown>): Promise<ProgramRun> => runProgram('production', { changes });

describe("a change of production's configuration", () => {
  let protectedBefore: ProgramRun;
  let openBefore: ProgramRun;
  beforeAll(async () => {
    protectedBefore = await run({});
    openBefore = await run({ protect: false });
  });

  const plan = async (changes: Record<string, unknown>): Promise<Partial<Changes>> =>
    withoutEmpty(changesBetween(protectedBefore, await run(changes)));
  const openPlan = async (changes: Record<string, unknown>): Promise<Partial<Changes>> =>
    withoutEmpty(changesBetween(openBefore, await run({ ...changes, protect: false })));

  test('none: changes nothing', async () => {
    expect(withoutEmpty(changesBetween(protectedBefore, await runProgramAgain('production')))).toEqual({});
  });

  test('imageUri: a new task definition, which the service deploys', async () => {
    const imageUri = `123456789012.dkr.ecr.eu-north-1.amazonaws.com/sync@sha256:${'a'.repeat(64)}`;
    expect(await plan({ imageUri })).toEqual({ replaces: ['TaskDefinition'], updates: ['Service'] });
  });

  test('tickKeys: a new key beside the old one, deployed before it is sent', async () => {
    expect(await plan({ tickKeys: [1, 2] })).toEqual({
      creates: ['RandomBytes tick-key-2'],
      replaces: ['SecretVersion api-keys', 'TaskDefinition'],
      updates: ['Service'],
    });
  });

  test('tokenKeys: a new key beside the old one; the old one is protected, because no other opens what it sealed', async () => {
    expect(await plan({ tokenKeys: [1, 2] })).toEqual({
      creates: ['RandomBytes token-key-2'],
      replaces: ['SecretVersion token-keys', 'TaskDefinition'],
      updates: ['Service'],
    });
    expect((await plan({ tokenKeys: [2] })).refuses).toEqual(['RandomBytes token-key-1']);
    expect((await openPlan({ tokenKeys: [2] })).deletes).toEqual(['RandomBytes token-key-1']);
  });

  test("databaseSetUp: takes the master's password from the migration", async () => {
    expect(await plan({ databaseSetUp: false })).toEqual({ replaces: ['TaskDefinition'], updates: ['RolePolicy execution', 'Service'] });
  });

  test('taskCount: the number of tasks, without a deployment', async () => {
    expect(await plan({ taskCount: 2 })).toEqual({ updates: ['Service'] });
  });

  test('maxTaskCount: auto scaling, which decides the number of tasks from then on', async () => {
    expect(await plan({ maxTaskCount: 3 })).toEqual({ creates: ['Policy', 'Target'] });
    const scaled = await run({ maxTaskCount: 3 });
    const between = (one: ProgramRun, other: ProgramRun) => withoutEmpty(changesBetween(one, other));
    expect(between(scaled, await run({ taskCount: 2, maxTaskCount: 3 }))).toEqual({ updates: ['Target'] });
    // Pulumi does not know how many tasks there are then, and leaves them.
    expect(between(scaled, protectedBefore)).toEqual({ deletes: ['Policy', 'Target'] });
  });

  test('scheduleMinutes: the rule, and the alarm that counts its ticks', async () => {
    expect(await plan({ scheduleMinutes: 60 })).toEqual({ updates: ['EventRule', 'MetricAlarm ticks'] });
  });

  test('databaseInstanceClass: the database, in its maintenance window, and the alarms on its size', async () => {
    expect(await plan({ databaseInstanceClass: 'db.t4g.medium' })).toEqual({
      updates: ['Instance', 'MetricAlarm database-connections', 'MetricAlarm database-memory'],
    });
    expect(protectedBefore.registrations.find(({ type }) => type === 'aws:rds/instance:Instance')?.inputs.applyImmediately).toBe(false);
  });

  test('a zone appended: more subnets; zones in another order, or a removed one: refused', async () => {
    const zones = (letters: string) => ({ availabilityZones: [...letters].map((letter) => `eu-north-1${letter}`) });
    expect(await plan(zones('abcd'))).toEqual({
      creates: ['Eip egress-4'],
      updates: ['LoadBalancer', 'Service', 'SubnetGroup', 'Vpc', 'VpcEndpoint s3'],
    });
    expect((await plan(zones('bac'))).refuses).toEqual(['Vpc']);
    expect((await plan(zones('ab'))).refuses).toEqual(['Eip egress-3', 'Vpc']);
  });

  test('natGateways: a removed gateway is refused, and with it its address', async () => {
    expect((await plan({ natGateways: 'Single' })).refuses).toEqual(['Eip egress-2', 'Eip egress-3']);
    expect((await openPlan({ natGateways: 'Single' })).deletes).toEqual(['Eip egress-2', 'Eip egress-3']);
  });

  test('vpcCidr: refused, because it would replace the network', async () => {
    expect((await plan({ vpcCidr: '10.65.0.0/16' })).refuses).toEqual(['Vpc']);
    expect((await openPlan({ vpcCidr: '10.65.0.0/16' })).replaces).toEqual(['Vpc']);
  });

  test('domainName, hostedZoneId: refused; without protection, new records and a new certificate', async () => {
    expect((await plan({ domainName: 'other.acme.test' })).refuses).toEqual(['Record', 'Record certificate']);
    expect((await openPlan({ domainName: 'other.acme.test' })).replaces).toEqual([
      'Certificate',
      'Record',
      'Record certificate',
      'TaskDefinition',
    ]);
    expect(await plan({ hostedZoneId: 'ZZ123456789ABCDEFGHIJ' })).toEqual({ refuses: ['Record', 'Record certificate'] });
  });

  test('databaseSnapshot: refused; without protection, a database from the snapshot, and the last snapshot of the old one', async () => {
    expect((await plan({ databaseSnapshot: 'sync-restored' })).refuses).toEqual(['Instance']);
    expect((await openPlan({ databaseSnapshot: 'sync-restored' })).replaces).toEqual(['Instance', 'RandomId last-snapshot']);
  });

  test('bigqueryLocation, a removed dataset: refused, because their tables would be deleted', async () => {
    const both = ['Dataset salesforce', 'Dataset salesforce_staging'];
    expect((await plan({ bigqueryLocation: 'US' })).refuses).toEqual(both);
    expect((await plan({ datasets: ['other'], stagingDataset: 'other_staging' })).refuses).toEqual(both);
  });

  test('customerKey: refused, because an empty database would replace the existing one', async () => {
    expect((await plan({ customerKey: false })).refuses).toEqual(['Alias', 'Instance', 'Key']);
  });
});

function withoutEmpty(changes: Changes): Partial<Changes> {
  return Object.fromEntries(Object.entries(changes).filter(([, list]) => (list as string[]).length > 0));
}
