import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { runCommand } from '../../infra/operate/run-command.ts';
import { smoke } from '../../infra/operate/smoke.ts';
import type { Aws, Stack } from '../../infra/operate/stack.ts';

const TASK = 'arn:aws:ecs:eu-north-1:123456789012:task/sync/0123456789abcdef';

const stack: Stack = {
  region: 'eu-north-1',
  url: 'https://sync.acme.test',
  cluster: 'sync',
  serviceName: 'sync',
  taskDefinition: 'arn:aws:ecs:eu-north-1:123456789012:task-definition/sync:7',
  logGroup: 'sync-logs',
  targetGroup: 'arn:aws:elasticloadbalancing:eu-north-1:123456789012:targetgroup/sync/1',
  scheduleRule: 'sync',
  scheduleConnection: 'sync',
  scheduleEnabled: true,
  scheduleMinutes: 15,
  alarmTopic: 'arn:aws:sns:eu-north-1:123456789012:sync',
};

/** What AWS says of a stack in order, by operation; a test changes what it is about. */
function healthy(): Record<string, unknown> {
  return {
    'describe-services': {
      services: [
        {
          taskDefinition: stack.taskDefinition,
          networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'], assignPublicIp: 'DISABLED' } },
          deployments: [
            { status: 'PRIMARY', taskDefinition: stack.taskDefinition, rolloutState: 'COMPLETED', runningCount: 1, desiredCount: 1 },
          ],
        },
      ],
    },
    'describe-target-health': { TargetHealthDescriptions: [{ TargetHealth: { State: 'healthy' } }] },
    'describe-rule': { State: 'ENABLED' },
    'describe-connection': { ConnectionState: 'AUTHORIZED' },
    'list-subscriptions-by-topic': {
      Subscriptions: [{ Endpoint: 'oncall@acme.test', SubscriptionArn: 'arn:aws:sns:eu-north-1:1:sync:1' }],
    },
    'filter-log-events': { events: [{ message: '{"event":"tick"}' }] },
  };
}

let answers: Record<string, unknown>;
let asked: string[][];
beforeEach(() => {
  answers = healthy();
  asked = [];
});

const aws = (async (...args: string[]) => {
  asked.push(args);
  const answer = answers[args[1]!];
  if (answer === undefined) throw new Error(`An error occurred (AccessDenied) when calling ${args[1]}`);
  return typeof answer === 'function' ? (answer as (args: string[]) => unknown)(args) : answer;
}) as Aws;

const faults = async (on: Stack = stack, apiKey?: string): Promise<(string | undefined)[]> =>
  (await smoke(on, aws, apiKey)).flatMap(({ fault }) => fault ?? []);

describe('smoke', () => {
  test('is content with a stack that does its work', async () => {
    expect(await smoke(stack, aws, undefined)).toEqual([
      { check: 'the service runs what was deployed' },
      { check: 'the load balancer finds a healthy task' },
      { check: 'the schedule is as configured' },
      { check: 'alarms reach someone' },
      { check: 'a tick is accepted' },
    ]);
  });

  test('finds a deployment that was rolled back, which Pulumi calls a success', async () => {
    const before = stack.taskDefinition.replace(':7', ':6');
    answers['describe-services'] = {
      services: [
        { deployments: [{ status: 'PRIMARY', taskDefinition: before, rolloutState: 'COMPLETED', runningCount: 1, desiredCount: 1 }] },
      ],
    };
    expect(await faults()).toEqual([expect.stringMatching(/^It runs .*sync:6, not .*sync:7: ECS rolled the deployment back/)]);
  });

  test.each<[string, string, unknown, string]>([
    [
      'a deployment that goes on',
      'describe-services',
      { services: [{ deployments: [{ status: 'PRIMARY', taskDefinition: stack.taskDefinition, rolloutState: 'IN_PROGRESS' }] }] },
      'The deployment is IN_PROGRESS.',
    ],
    [
      'no healthy task',
      'describe-target-health',
      { TargetHealthDescriptions: [{ TargetHealth: { State: 'unhealthy', Description: 'Health checks failed' } }] },
      'It is unhealthy: Health checks failed',
    ],
    ['a rule that was switched off by hand', 'describe-rule', { State: 'DISABLED' }, 'The rule is DISABLED, not ENABLED.'],
    ['a connection without its key', 'describe-connection', { ConnectionState: 'DEAUTHORIZED' }, 'The connection is DEAUTHORIZED.'],
    [
      'a mail that nobody confirmed',
      'list-subscriptions-by-topic',
      { Subscriptions: [{ Endpoint: 'oncall@acme.test', SubscriptionArn: 'PendingConfirmation' }] },
      'oncall@acme.test must confirm the mail from AWS.',
    ],
    ['nobody to be told', 'list-subscriptions-by-topic', { Subscriptions: [] }, 'Nobody is subscribed.'],
  ])('finds %s', async (_, operation, answer, fault) => {
    answers[operation] = answer;
    expect(await faults()).toEqual([fault]);
  });

  test('finds a schedule that does not tick, and looks back over two ticks for it', async () => {
    answers['filter-log-events'] = { events: [] };
    const now = Date.parse('2026-03-22T12:00:00Z');
    const findings = await smoke(stack, aws, undefined, now);
    expect(findings.at(-1)?.fault).toMatch(/^The log shows none since 2026-03-22T11:30:00.000Z/);
    expect(asked.at(-1)).toEqual(expect.arrayContaining(['--start-time', String(Date.parse('2026-03-22T11:30:00Z'))]));
  });

  test('says what could not be looked at, and looks at the rest', async () => {
    delete answers['describe-target-health'];
    expect(await faults()).toEqual([expect.stringContaining('AccessDenied')]);
    expect(asked.map((args) => args[1])).toContain('filter-log-events');
  });

  describe('with a key', () => {
    const server = createServer((request, response) => {
      const right = request.method === 'POST' && request.url === '/handle_importing_job' && request.headers['x-api-key'] === 'the key';
      response.writeHead(right ? 200 : 403).end(right ? 'OK' : 'no');
    });
    let url: string;
    beforeAll(async () => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => void server.close());

    test('sends a tick itself, as the schedule would', async () => {
      answers['describe-rule'] = { State: 'DISABLED' };
      expect(await faults({ ...stack, url, scheduleEnabled: false }, 'the key')).toEqual([]);
      expect(await faults({ ...stack, url, scheduleEnabled: false }, 'another')).toEqual(['It answers 403: no']);
    });
  });
});

describe('a command of the app', () => {
  /** A task that logs two lines in two parts, and stops. */
  function taskThatEndsWith(container: object): void {
    let polls = 0;
    const pages: Record<string, object> = {
      '': { events: [{ message: 'one' }], nextForwardToken: 'f/1' },
      'f/1': { events: [{ message: 'two' }], nextForwardToken: 'f/2' },
      'f/2': { events: [], nextForwardToken: 'f/2' },
    };
    Object.assign(answers, {
      'run-task': { tasks: [{ taskArn: TASK }], failures: [] },
      'describe-tasks': () => ({
        tasks: [
          {
            taskArn: TASK,
            lastStatus: ++polls < 3 ? 'RUNNING' : 'STOPPED',
            stoppedReason: 'ended',
            containers: [{ name: 'app', ...container }],
          },
        ],
      }),
      'get-log-events': (args: string[]) => {
        if (polls === 1) throw new Error('An error occurred (ResourceNotFoundException) when calling GetLogEvents');
        return pages[args[args.indexOf('--next-token') + 1]!.startsWith('f/') ? args[args.indexOf('--next-token') + 1]! : ''];
      },
    });
  }
  const argument = (operation: string, name: string): unknown => {
    const args = asked.find(([, one]) => one === operation)!;
    return JSON.parse(args[args.indexOf(name) + 1]!);
  };

  test('runs once, with what the service runs with, where the service is', async () => {
    taskThatEndsWith({ exitCode: 0 });
    const lines: string[] = [];
    expect(await runCommand(stack, aws, ['migrate'], (line) => lines.push(line), 1)).toBe(0);
    expect(lines).toEqual(['one', 'two']);
    expect(asked.find(([, operation]) => operation === 'run-task')).toEqual(
      expect.arrayContaining(['--task-definition', stack.taskDefinition]),
    );
    expect(argument('run-task', '--overrides')).toEqual({
      containerOverrides: [{ name: 'app', command: ['node', 'app/cli.ts', 'migrate'] }],
    });
    expect(argument('run-task', '--network-configuration')).toMatchObject({ awsvpcConfiguration: { subnets: ['subnet-1'] } });
    expect(asked.find(([, operation]) => operation === 'get-log-events')).toEqual(expect.arrayContaining(['app/app/0123456789abcdef']));
  });

  test('passes its exit code on', async () => {
    taskThatEndsWith({ exitCode: 3 });
    expect(await runCommand(stack, aws, ['migrate'], () => {}, 1)).toBe(3);
  });

  test('that never ran is a failure, and says why', async () => {
    taskThatEndsWith({ reason: 'CannotPullContainerError' });
    const lines: string[] = [];
    expect(await runCommand(stack, aws, ['migrate'], (line) => lines.push(line), 1)).toBe(1);
    expect(lines.at(-1)).toBe('It never ran: CannotPullContainerError.');
  });

  test('that ECS does not start is an error with its reason', async () => {
    answers['run-task'] = { tasks: [], failures: [{ reason: 'RESOURCE:CPU' }] };
    await expect(runCommand(stack, aws, ['migrate'], () => {}, 1)).rejects.toThrow('ECS starts no task: RESOURCE:CPU.');
  });
});

describe('the scripts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sync-operate-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Puts a program on the PATH, for this test's processes alone. */
  async function install(name: string, script: string): Promise<void> {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  async function start(script: string, ...args: string[]): Promise<{ code: number; text: string }> {
    const child = spawn(process.execPath, [resolve('infra/operate', script), ...args], { env: { PATH: `${folder}:/usr/bin:/bin` } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (text += part.toString()));
    const [code] = (await once(child, 'exit')) as [number];
    return { code, text };
  }

  test("pulumi runs with this Node first, and its exit code is the script's", async () => {
    await install('pulumi', `case "$1" in version) echo v3.271.0;; *) command -v node; echo "$@"; exit 5;; esac`);
    expect(await start('pulumi.ts', 'up', '--yes')).toEqual({ code: 5, text: `${process.execPath}\nup --yes\n` });
  });

  test.each(['v3.269.1', 'v4.0.0'])('pulumi %s, which does not fit the SDK, is refused', async (version) => {
    await install('pulumi', `echo ${version}`);
    const { code, text } = await start('pulumi.ts', 'up');
    expect({ code, text }).toEqual({
      code: 1,
      text: `The Pulumi CLI is ${version.slice(1)}: install 3.270.0 or a newer one of the same major version.\n`,
    });
  });

  test('a missing Pulumi is said in a sentence', async () => {
    await rm(join(folder, 'pulumi'), { force: true });
    expect(await start('pulumi.ts', 'up')).toEqual({ code: 1, text: 'pulumi is not installed, or not on the PATH.\n' });
  });

  test('op smoke asks AWS in the region of the stack, and fails when a check does', async () => {
    await writeFile(join(folder, 'stack.json'), JSON.stringify(stack));
    await install('pulumi', `cat ${join(folder, 'stack.json')}`);
    await install('aws', `echo "$@" >> ${join(folder, 'asked')}; echo 'An error occurred (ExpiredToken)' >&2; exit 254`);
    const { code, text } = await start('op.ts', 'smoke');
    expect(code).toBe(1);
    expect(text).toContain('✗ the service runs what was deployed: aws ecs describe-services failed: An error occurred (ExpiredToken)');
    expect(await readFile(join(folder, 'asked'), 'utf8')).toContain('--region eu-north-1');
  });

  test('op without a word says what it can do', async () => {
    expect(await start('op.ts')).toMatchObject({ code: 2, text: expect.stringContaining('npm run op -- smoke') });
  });

  test('op on a stack that was never deployed says to deploy it', async () => {
    await install('pulumi', 'echo "{}"');
    expect(await start('op.ts', 'smoke')).toEqual({ code: 1, text: 'The stack has no outputs: run `npm run pulumi -- up` first.\n' });
  });
});
