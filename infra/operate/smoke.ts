import { TICK_ACCEPTED } from '../alarms/log-filters.ts';
import { checkDeployment } from './deployment.ts';
import { type Check, type Finding, runChecks } from './run-checks.ts';
import type { Aws, Stack } from './stack.ts';

/** The path the schedule posts to. */
const TICK_PATH = '/handle_importing_job';

/**
 * Checks that a deployed stack works, which Pulumi does not know: it waits for a deployment, but for no tick and no email.
 * @param apiKey an API key that allows ticks, to send one; without it, the log is searched for a tick of the schedule
 */
export async function smoke(stack: Stack, aws: Aws, apiKey: string | undefined, now = Date.now()): Promise<Finding[]> {
  const checks: Check[] = [
    ['the service runs the deployed task definition', () => checkDeployment(stack, aws)],
    ...(stack.targetGroup ? [healthCheck(stack.targetGroup, aws)] : []),
    ['the schedule matches the configuration', () => checkSchedule(stack, aws)],
    ['alarm emails are confirmed', () => checkSubscriptions(stack.alarmTopic, aws)],
    ['emails about vulnerabilities are confirmed', () => checkSubscriptions(stack.findingTopic, aws)],
    ['a tick is accepted', () => (apiKey ? sendTick(stack, apiKey) : findTick(stack, aws, now))],
  ];
  return await runChecks(checks);
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

async function checkSubscriptions(topic: string, aws: Aws): Promise<string | undefined> {
  const { Subscriptions } = await aws<{ Subscriptions: { Endpoint: string; SubscriptionArn: string }[] }>(
    'sns',
    'list-subscriptions-by-topic',
    '--topic-arn',
    topic,
  );
  if (Subscriptions.length === 0) return 'The topic has no subscribers. Run `npm run pulumi -- up` to subscribe alarmEmails.';
  // A pending subscription has no ARN yet.
  const pending = Subscriptions.filter(({ SubscriptionArn }) => !SubscriptionArn.startsWith('arn:')).map(({ Endpoint }) => Endpoint);
  return pending.length === 0 ? undefined : `${pending.join(', ')} must confirm the subscription email from AWS.`;
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

/** Searches the log over the last two intervals of the schedule. */
async function findTick(stack: Stack, aws: Aws, now: number): Promise<string | undefined> {
  if (!stack.scheduleEnabled) return 'The schedule is off. Set SYNC_API_KEY to a key with role tick, operate or admin to send a tick.';
  const since = now - 2 * stack.scheduleMinutes * 60_000;
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
  return events.length > 0 ? undefined : `The log contains no tick since ${new Date(since).toISOString()}. Set SYNC_API_KEY to send one.`;
}
