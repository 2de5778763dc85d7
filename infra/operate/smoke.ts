import { TICK_ACCEPTED } from '../log-filters.ts';
import type { Aws, Stack } from './stack.ts';

/** What was looked at, and what is wrong with it; nothing, if it is as it should be. */
export interface Finding {
  check: string;
  fault?: string;
}

interface Deployment {
  status: string;
  taskDefinition: string;
  rolloutState: string;
  runningCount: number;
  desiredCount: number;
}

/** The schedule's path; EventBridge's own request, with a key of the caller's. */
const TICK_PATH = '/handle_importing_job';

/**
 * Looks whether a deployed stack does its work. Pulumi cannot say that: a deployment that ECS rolled back counts as a success.
 * @param apiKey a key that may tick; without one, a tick of the schedule is looked for
 */
export async function smoke(stack: Stack, aws: Aws, apiKey: string | undefined, now = Date.now()): Promise<Finding[]> {
  const checks: [string, () => Promise<string | undefined>][] = [
    ['the service runs what was deployed', () => checkDeployment(stack, aws)],
    ['the load balancer finds a healthy task', () => checkHealth(stack, aws)],
    ['the schedule is as configured', () => checkSchedule(stack, aws)],
    ['alarms reach someone', () => checkSubscriptions(stack, aws)],
    ['a tick is accepted', () => (apiKey ? sendTick(stack, apiKey) : findTick(stack, aws, now))],
  ];
  const findings: Finding[] = [];
  for (const [check, look] of checks) {
    const fault = await look().catch((error: Error) => error.message);
    findings.push(fault === undefined ? { check } : { check, fault });
  }
  return findings;
}

async function checkDeployment(stack: Stack, aws: Aws): Promise<string | undefined> {
  const answer = await aws<{ services: { deployments: Deployment[] }[] }>(
    'ecs',
    'describe-services',
    '--cluster',
    stack.cluster,
    '--services',
    stack.serviceName,
  );
  const live = answer.services[0]?.deployments.find(({ status }) => status === 'PRIMARY');
  if (!live) return 'ECS has no such service.';
  if (live.taskDefinition !== stack.taskDefinition) {
    return `It runs ${live.taskDefinition}, not ${stack.taskDefinition}: ECS rolled the deployment back; its log says why.`;
  }
  if (live.rolloutState !== 'COMPLETED') return `The deployment is ${live.rolloutState}.`;
  if (live.runningCount < live.desiredCount) return `${live.runningCount} of ${live.desiredCount} tasks run.`;
  return undefined;
}

async function checkHealth(stack: Stack, aws: Aws): Promise<string | undefined> {
  const answer = await aws<{ TargetHealthDescriptions: { TargetHealth: { State: string; Description?: string } }[] }>(
    'elbv2',
    'describe-target-health',
    '--target-group-arn',
    stack.targetGroup,
  );
  const targets = answer.TargetHealthDescriptions.map(({ TargetHealth }) => TargetHealth);
  if (targets.some(({ State }) => State === 'healthy')) return undefined;
  return targets[0] ? `It is ${targets[0].State}: ${targets[0].Description ?? 'no reason is given'}` : 'There is none.';
}

async function checkSchedule(stack: Stack, aws: Aws): Promise<string | undefined> {
  const rule = await aws<{ State: string }>('events', 'describe-rule', '--name', stack.scheduleRule);
  const expected = stack.scheduleEnabled ? 'ENABLED' : 'DISABLED';
  if (rule.State !== expected) return `The rule is ${rule.State}, not ${expected}.`;
  const connection = await aws<{ ConnectionState: string }>('events', 'describe-connection', '--name', stack.scheduleConnection);
  return connection.ConnectionState === 'AUTHORIZED' ? undefined : `The connection is ${connection.ConnectionState}.`;
}

async function checkSubscriptions(stack: Stack, aws: Aws): Promise<string | undefined> {
  const answer = await aws<{ Subscriptions: { Endpoint: string; SubscriptionArn: string }[] }>(
    'sns',
    'list-subscriptions-by-topic',
    '--topic-arn',
    stack.alarmTopic,
  );
  const waiting = answer.Subscriptions.filter(({ SubscriptionArn }) => !SubscriptionArn.startsWith('arn:'));
  if (answer.Subscriptions.length === 0) return 'Nobody is subscribed.';
  return waiting.length === 0 ? undefined : `${waiting.map(({ Endpoint }) => Endpoint).join(', ')} must confirm the mail from AWS.`;
}

async function sendTick(stack: Stack, apiKey: string): Promise<string | undefined> {
  const answer = await fetch(`${stack.url}${TICK_PATH}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-API-Key': apiKey },
    body: '{}',
    // EventBridge waits no longer.
    signal: AbortSignal.timeout(5000),
  });
  const text = await answer.text();
  return answer.status === 200 ? undefined : `It answers ${answer.status}: ${text.slice(0, 200)}`;
}

/** Of the last two that should have come. */
async function findTick(stack: Stack, aws: Aws, now: number): Promise<string | undefined> {
  if (!stack.scheduleEnabled) return 'The schedule is off, so none was looked for: set SYNC_API_KEY to a key that may tick, to send one.';
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
  return events.length > 0 ? undefined : `The log shows none since ${new Date(since).toISOString()}: set SYNC_API_KEY to send one.`;
}
