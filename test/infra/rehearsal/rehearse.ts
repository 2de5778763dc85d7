import { isDeepStrictEqual } from 'node:util';
import { type Changes, changesBetween, nameOf } from '../support/changes.ts';
import { runProgram } from '../support/run-program.ts';
import { readStackFile, SALESFORCE_SECRET, type StackName, stackValues } from '../support/stack-config.ts';
import type { Outcome, Workspace } from './workspace.ts';

/** Changes of production's configuration, by the key's name in the table of infra/README.md. */
const CHANGES: Record<string, Record<string, unknown>> = {
  imageUri: { imageUri: `123456789012.dkr.ecr.eu-north-1.amazonaws.com/sync@sha256:${'a'.repeat(64)}` },
  tickKeys: { tickKeys: [1, 2] },
  taskCount: { taskCount: 2 },
  maxTaskCount: { maxTaskCount: 3 },
  scheduleMinutes: { scheduleMinutes: 60 },
  databaseInstanceClass: { databaseInstanceClass: 'db.t4g.medium' },
  'availabilityZones +1': { availabilityZones: ['a', 'b', 'c', 'd'].map((letter) => `eu-north-1${letter}`) },
  'availabilityZones order': { availabilityZones: ['b', 'a', 'c'].map((letter) => `eu-north-1${letter}`) },
  natGateways: { natGateways: 'Single' },
  vpcCidr: { vpcCidr: '10.65.0.0/16' },
  domainName: { domainName: 'other.acme.test' },
  databaseSnapshot: { databaseSnapshot: 'sync-restored' },
  customerKey: { customerKey: false },
};

/** Those that are refused while everything is protected. */
const REFUSING = ['availabilityZones order', 'natGateways', 'vpcCidr', 'domainName', 'databaseSnapshot', 'customerKey'];

/** What Pulumi says of a resource that it may not delete or replace because it is protected. */
const REFUSED = /unable to replace resource "(urn:[^"]+)"|resource "(urn:[^"]+)" cannot be deleted/g;

/** Where the rehearsal runs, and what it has seen so far. */
interface Rehearsal {
  workspace: Workspace;
  /** the secret values that providers generated */
  generated: ReadonlySet<string>;
  faults: string[];
}

/** Runs every step, and prints what each did as a row of a table. @returns whether everything was as expected */
export async function rehearse(workspace: Workspace, generated: ReadonlySet<string>): Promise<boolean> {
  const rehearsal: Rehearsal = { workspace, generated, faults: [] };
  console.log(row(['step', 'create', 'update', 'replace', 'delete', 'same', 'rc']));
  await rehearseDev(rehearsal);
  await rehearseProduction(rehearsal);
  console.log(rehearsal.faults.length === 0 ? 'Every step did what the tests of changes expect.' : '✗ A step did something else:');
  for (const fault of rehearsal.faults) console.error(`\n${fault}`);
  return rehearsal.faults.length === 0;
}

async function rehearseDev(rehearsal: Rehearsal): Promise<void> {
  const { workspace } = rehearsal;
  await workspace.createStack('dev');
  workspace.configure('dev', readStackFile('Pulumi.dev.yaml'));
  const preview = await workspace.run('preview', 'dev');
  const named = new Set([...preview.text.matchAll(/- (\S+) (?:is not set|has too few entries)/g)].map(([, key]) => key!));
  const missing = ['alarmEmails', 'domainName', 'gcp:project', 'hostedZoneId', 'salesforceApps'];
  report(rehearsal, 'dev: preview of committed file', preview, isDeepStrictEqual([...named].sort(), missing) || `It names ${[...named]}.`);
  await rehearseUpdates(rehearsal, 'dev');
  await rehearseDestroy(rehearsal, 'dev');
  workspace.configure('dev', { ...stackValues('dev'), loadBalancer: false, domainName: '', hostedZoneId: '' });
  const closed = await workspace.run('up', 'dev', '--yes', '--skip-preview');
  const isCreated = closed.code === 0 && isOnly(closed, 'create');
  report(rehearsal, 'dev: up without load balancer', closed, isCreated || 'It did not create everything.');
  await rehearseDestroy(rehearsal, 'dev');
}

async function rehearseProduction(rehearsal: Rehearsal): Promise<void> {
  const { workspace } = rehearsal;
  await workspace.createStack('production');
  await rehearseUpdates(rehearsal, 'production');
  for (const [key, changes] of Object.entries(CHANGES)) await rehearseChange(rehearsal, key, changes);
  const before = workspace.readState('production');
  const refused = await workspace.run('destroy', 'production', '--yes', '--skip-preview');
  const remaining = resources(workspace.readState('production'));
  const deleted = resources(before).filter((resource) => !remaining.includes(resource));
  report(rehearsal, 'destroy, protected', refused, (refused.code !== 0 && deleted.length === 0) || `It deleted ${deleted.join(', ')}.`);
  workspace.configure('production', { ...stackValues('production'), protect: false });
  const open = await workspace.run('up', 'production', '--yes', '--skip-preview');
  report(rehearsal, 'protect: false', open, open.code === 0 || 'It failed.');
  for (const key of REFUSING) await rehearseUnprotected(rehearsal, key);
  await rehearseDestroy(rehearsal, 'production');
}

/** The first update, and another one without a change. */
async function rehearseUpdates(rehearsal: Rehearsal, stack: StackName): Promise<void> {
  const { workspace, generated } = rehearsal;
  const { salesforceApps, ...values } = stackValues(stack);
  await workspace.setSecret(stack, 'salesforceApps', String(salesforceApps));
  workspace.configure(stack, values);
  const first = await workspace.run('up', stack, '--yes');
  report(rehearsal, `${stack}: first up`, first, (first.code === 0 && isOnly(first, 'create')) || 'It did not create everything.');
  const again = await workspace.run('up', stack, '--yes', '--skip-preview');
  report(rehearsal, `${stack}: up without a change`, again, (again.code === 0 && isOnly(again, 'same')) || 'It changed something.');
  const state = workspace.readState(stack);
  const plain = [SALESFORCE_SECRET, ...generated].filter((secret) => state.includes(secret));
  if (plain.length > 0) rehearsal.faults.push(`${stack}: the state contains ${plain.length} secrets in plain text.`);
  console.log(`  secrets in plain text in the state: ${plain.length} of ${generated.size + 1}`);
}

/** A change while everything is protected, compared with what the tests of changes expect. Undoes it in the state. */
async function rehearseChange(rehearsal: Rehearsal, key: string, changes: Record<string, unknown>): Promise<void> {
  const { workspace } = rehearsal;
  const before = workspace.readState('production');
  workspace.configure('production', { ...stackValues('production'), ...changes });
  const outcome = await workspace.run('up', 'production', '--yes');
  const expected = changesBetween(await runProgram('production'), await runProgram('production', { changes }));
  const isUnchanged = isDeepStrictEqual(resources(workspace.readState('production')), resources(before));
  if (expected.refuses.length > 0) {
    const refused = refusals(outcome);
    // Pulumi also names what depends on them, and stops at the first one that it would delete.
    const isRefused = outcome.code !== 0 && isUnchanged && refused.some((name) => expected.refuses.includes(name));
    report(rehearsal, key, outcome, isRefused || `Expected a refusal because of ${expected.refuses}.`);
  } else {
    const [found, wanted] = [changesOf(outcome), withoutNetwork(expected)];
    const isAsExpected = outcome.code === 0 && isDeepStrictEqual(found, wanted);
    report(rehearsal, key, outcome, isAsExpected || `Expected ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}.`);
  }
  workspace.writeState('production', before);
}

/** A change that is refused while everything is protected. Without protection, what depends on a replaced resource may be replaced too. */
async function rehearseUnprotected(rehearsal: Rehearsal, key: string): Promise<void> {
  const { workspace } = rehearsal;
  const before = workspace.readState('production');
  const changes = { ...CHANGES[key], protect: false };
  workspace.configure('production', { ...stackValues('production'), ...changes });
  const outcome = await workspace.run('up', 'production', '--yes', '--skip-preview');
  const open = await runProgram('production', { changes: { protect: false } });
  const { replaces } = withoutNetwork(changesBetween(open, await runProgram('production', { changes })));
  const missing = replaces.filter((name) => !changesOf(outcome).replaces.includes(name));
  report(rehearsal, `${key}, open`, outcome, (outcome.code === 0 && missing.length === 0) || `It did not replace ${missing}.`);
  workspace.writeState('production', before);
}

async function rehearseDestroy(rehearsal: Rehearsal, stack: StackName): Promise<void> {
  const { workspace } = rehearsal;
  const outcome = await workspace.run('destroy', stack, '--yes', '--skip-preview');
  const left = resources(workspace.readState(stack)).length;
  report(rehearsal, `${stack}: destroy`, outcome, (outcome.code === 0 && left === 0) || `It left ${left} resources.`);
}

/** Prints a row. @param verdict true, or what is wrong */
function report(rehearsal: Rehearsal, step: string, outcome: Outcome, verdict: true | string): void {
  const { counts, code, text } = outcome;
  const numbers = ['create', 'update', 'replace', 'delete', 'same'].map((op) => String(counts[op] ?? 0));
  console.log(row([step, ...numbers, String(code)]) + (verdict === true ? '' : '  ✗'));
  const refused = refusals(outcome);
  if (refused.length > 0) console.log(`  refused: ${refused.join(', ')}`);
  if (verdict !== true) rehearsal.faults.push(`✗ ${step}: ${verdict}\n${text.slice(-3000)}`);
}

const row = ([step = '', ...numbers]: string[]): string => step.padEnd(32) + numbers.map((number) => number.padStart(8)).join('');

const isOnly = ({ counts }: Outcome, op: string): boolean => Object.entries(counts).every(([one, count]) => one === op || count === 0);

/** The resources in a state file, each with its ID, sorted; without the providers, which exist only there. */
function resources(state: string): string[] {
  const { checkpoint } = JSON.parse(state) as { checkpoint: { latest: { resources?: { urn: string; id?: string }[] } | null } };
  const resources = (checkpoint.latest?.resources ?? []).filter(({ urn }) => !urn.includes('::pulumi:providers:'));
  return resources.map(({ urn, id = '' }) => `${urn} ${id}`).sort();
}

/** A resource as the tests of changes name it. awsx's network is one resource to them. */
function nameOfUrn(urn: string): string {
  const [, , type = '', name = ''] = urn.split('::');
  return type.includes('awsx:ec2:Vpc') ? NETWORK : nameOf({ type: type.split('$').at(-1)!, name });
}

const NETWORK = 'Vpc';

function refusals({ text }: Outcome): string[] {
  return [...new Set([...text.matchAll(REFUSED)].map(([, replaced, deleted]) => nameOfUrn(replaced ?? deleted!)))].sort();
}

type Done = Omit<Changes, 'refuses'>;

/** What an update did, without the network's parts, Pulumi's own resources and components. */
function changesOf({ operations }: Outcome): Done {
  const names = (op: string): string[] =>
    operations
      .filter((one) => one.op === op && !/::(?:[^:]+\$)?(?:pulumi:\w+|sync:infra):[^$]*::/.test(one.urn))
      .map(({ urn }) => nameOfUrn(urn))
      .filter((name) => name !== NETWORK)
      .sort();
  return { creates: names('create'), updates: names('update'), replaces: names('replace'), deletes: names('delete') };
}

function withoutNetwork({ refuses: _, ...changes }: Changes): Done {
  const without = Object.entries(changes).map(([what, names]) => [what, names.filter((name) => name !== NETWORK)]);
  return Object.fromEntries(without) as unknown as Done;
}
