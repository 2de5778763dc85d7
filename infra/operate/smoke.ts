import { setTimeout as sleep } from 'node:timers/promises';
import { TICK_ACCEPTED } from '../alarms/log-filters.ts';
import { checkDeployment, readDeploymentTime } from './deployment.ts';
import { type Check, type Finding, runChecks, type Warning } from './run-checks.ts';
import type { Aws, Stack } from './stack.ts';

/** The path the schedule posts to. */
const TICK_PATH = '/handle_importing_job';

/** How late a tick, and its line in the log, may come. */
const TICK_DELAY_MS = 2 * 60_000;

/** How long to wait for a tick. A deployment waits too. */
const MAX_WAIT_MS = 20 * 60_000;
const POLL_MS = 15_000;

/** The machine's time; a test has its own. */
export interface Clock {
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

/**
 * Checks that a deployed stack works, which Pulumi does not know: it waits for a deployment, but for no tick and no email.
 * @param apiKey an API key that allows ticks, to send one; without it, the log is searched for a tick of the schedule
 * @param print called before a wait
 */
export async function smoke(
  stack: Stack,
  aws: Aws,
  apiKey: string | undefined,
  print: (line: string) => void,
  clock: Clock = { now: Date.now, sleep },
): Promise<Finding[]> {
  const findings = await runChecks([
    ['the service runs the deployed task definition', () => checkDeployment(stack, aws)],
    ...(stack.targetGroup ? [healthCheck(stack.targetGroup, aws)] : []),
    ['the schedule matches the configuration', () => checkSchedule(stack, aws)],
    ['alarm emails are confirmed', () => checkSubscriptions(stack.alarmTopic, aws)],
    ['emails about vulnerabilities are confirmed', () => checkSubscriptions(stack.findingTopic, aws)],
  ]);
  const maxWait = findings.some(({ fault }) => fault) ? 0 : MAX_WAIT_MS;
  const tick = () => (apiKey ? sendTick(stack, apiKey) : findTick(stack, aws, print, clock, maxWait));
  return [...findings, ...(await runChecks([['a tick is accepted', tick]]))];
}

const healthCheck = (targetGroup: string, aws: Aws): Check => ['the load balancer has a healthy task', () => checkHealth(targetGroup, aws)];

async function checkHealth(targetGroup: string, aws: Aws): Promise<string | undefined> {
  const { TargetHealthDescriptions } = await aws<{
    TargetHealthDescriptions: { TargetHealth: { State: string; Description?: string } }[];
  }>('elbv2', 'describe-target-health', '--target-group-arn', targetGroup);
  const targets = TargetHealthDescriptions.map(({ TargetHealth }) => TargetHealth);
  if (targets.some(({ State }) => State === 'healthy')) return undefined;
  return targets[0]
    ? `The task is ${targets[0].State}: ${targets[0].Description ?? 'no reason given'}`
    : 'No task is registered with the load balancer.';
}

async function checkSchedule(stack: Stack, aws: Aws): Promise<string | undefined> {
  const rule = await aws<{ State: string }>('events', 'describe-rule', '--name', stack.scheduleRule);
  const expected = stack.scheduleEnabled ? 'ENABLED' : 'DISABLED';
  if (rule.State !== expected) return `The rule is ${rule.State}, not ${expected}.`;
  if (!stack.scheduleConnection) return undefined;
  const connection = await aws<{ ConnectionState: string }>('events', 'describe-connection', '--name', stack.scheduleConnection);
  return connection.ConnectionState === 'AUTHORIZED' ? undefined : `The connection is ${connection.ConnectionState}, not AUTHORIZED.`;
}

/** A release that is deployed works without them, so that no fault of theirs may undo it. */
async function checkSubscriptions(topic: string, aws: Aws): Promise<Warning | undefined> {
  const { Subscriptions } = await aws<{ Subscriptions: { Endpoint: string; SubscriptionArn: string }[] }>(
    'sns',
    'list-subscriptions-by-topic',
    '--topic-arn',
    topic,
  );
  if (Subscriptions.length === 0) return { warning: 'The topic has no subscribers. Run `npm run pulumi -- up` to subscribe alarmEmails.' };
  // A pending subscription has no ARN yet.
  const pending = Subscriptions.filter(({ SubscriptionArn }) => !SubscriptionArn.startsWith('arn:')).map(({ Endpoint }) => Endpoint);
  return pending.length === 0 ? undefined : { warning: `${pending.join(', ')} must confirm the subscription email from AWS.` };
}

async function sendTick(stack: Stack, apiKey: string): Promise<string | undefined> {
  const response = await fetch(`${stack.url}${TICK_PATH}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-API-Key': apiKey },
    body: '{}',
    // EventBridge's own timeout.
    signal: AbortSignal.timeout(5000),
  });
  const text = await response.text();
  return response.status === 200 ? undefined : `The service returned ${response.status}: ${text.slice(0, 200)}`;
}

/**
 * Searches the log over the last two intervals of the schedule, but not before the deployment: a tick that the previous task accepted says
 * nothing about this one. Waits until the first tick is due.
 */
async function findTick(
  stack: Stack,
  aws: Aws,
  print: (line: string) => void,
  clock: Clock,
  maxWaitMs: number,
): Promise<string | Warning | undefined> {
  if (!stack.scheduleEnabled) {
    return { warning: 'The schedule is off. Set SYNC_API_KEY to a key with role tick, operate or admin to send a tick.' };
  }
  const start = clock.now();
  const intervalMs = stack.scheduleMinutes * 60_000;
  const deployed = await readDeploymentTime(stack, aws);
  const since = Math.max(start - 2 * intervalMs, deployed);
  const due = deployed + intervalMs + TICK_DELAY_MS;
  const until = Math.min(due, start + maxWaitMs);
  if (start < until) print(`Waiting for a tick of the schedule, until ${formatTime(until)} …`);
  while (!(await hasTick(stack, aws, since))) {
    if (clock.now() < until) await clock.sleep(POLL_MS);
    else if (until < due) return { warning: `No tick since the deployment is due before ${formatTime(due)}. Run this command again then.` };
    else return `The log contains no tick since ${formatTime(since)}. Set SYNC_API_KEY to send one.`;
  }
  return undefined;
}

async function hasTick(stack: Stack, aws: Aws, since: number): Promise<boolean> {
  const { events } = await aws<{ events: object[] }>(
    'logs',
    'filter-log-events',
    '--log-group-name',
    stack.logGroup,
    '--start-time',
    String(since),
    '--filter-pattern',
    TICK_ACCEPTED,
  );
  return events.length > 0;
}

const formatTime = (time: number): string => new Date(time).toISOString();
