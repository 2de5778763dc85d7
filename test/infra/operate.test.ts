import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { runCommand } from '../../infra/operate/run-command.ts';
import { type Clock, smoke } from '../../infra/operate/smoke.ts';
import type { Aws, Stack } from '../../infra/operate/stack.ts';

const TASK = 'arn:aws:ecs:eu-north-1:123456789012:task/sync/0123456789abcdef';

/** As the CLI prints it. */
const DEPLOYED = '2026-03-22T10:00:00.123000+00:00';

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
  findingTopic: 'arn:aws:sns:eu-north-1:123456789012:sync-image-findings',
};

/** AWS's responses for a healthy stack, by operation. Tests change the one they are about. */
function healthy(): Record<string, unknown> {
  return {
    'describe-services': {
      services: [
        {
          taskDefinition: stack.taskDefinition,
          networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'], assignPublicIp: 'DISABLED' } },
          deployments: [
            {
              status: 'PRIMARY',
              taskDefinition: stack.taskDefinition,
              createdAt: DEPLOYED,
              rolloutState: 'COMPLETED',
              runningCount: 1,
              desiredCount: 1,
            },
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

let responses: Record<string, unknown>;
let calls: string[][];
beforeEach(() => {
  responses = healthy();
  calls = [];
});

const aws = (async (...args: string[]) => {
  calls.push(args);
  const response = responses[args[1]!];
  if (response === undefined) throw new Error(`An error occurred (AccessDenied) when calling ${args[1]}`);
  return typeof response === 'function' ? (response as (args: string[]) => unknown)(args) : response;
}) as Aws;

const faults = async (on: Stack = stack, apiKey?: string): Promise<(string | undefined)[]> =>
  (await smoke(on, aws, apiKey, () => {})).flatMap(({ fault }) => fault ?? []);

/** A clock that shows a time of 22 March 2026, and that no one waits for. */
function clockAt(time: string): Clock {
  let now = Date.parse(`2026-03-22T${time}:00Z`);
  return {
    now: () => now,
    async sleep(ms) {
      now += ms;
    },
  };
}

describe('smoke', () => {
  test('passes every check on a healthy stack', async () => {
    expect(await smoke(stack, aws, undefined, () => {})).toEqual([
      { check: 'the service runs the deployed task definition' },
      { check: 'the load balancer has a healthy task' },
      { check: 'the schedule matches the configuration' },
      { check: 'alarm emails are confirmed' },
      { check: 'emails about vulnerabilities are confirmed' },
      { check: 'a tick is accepted' },
    ]);
  });

  test('finds a rolled-back deployment, and says what to do next', async () => {
    const previous = stack.taskDefinition.replace(':7', ':6');
    responses['describe-services'] = {
      services: [
        {
          deployments: [
            {
              status: 'PRIMARY',
              taskDefinition: previous,
              createdAt: DEPLOYED,
              rolloutState: 'COMPLETED',
              runningCount: 1,
              desiredCount: 1,
            },
          ],
        },
      ],
    };
    expect(await faults()).toEqual([
      expect.stringMatching(
        /^The service runs .*sync:6, not .*sync:7\. ECS rolled back the deployment. The end of log group sync-logs says why: correct that and run `npm run pulumi -- up`, or set imageUri to the image of sync:6 and run it\.$/,
      ),
    ]);
  });

  test.each<[string, string, unknown, string]>([
    [
      'a deployment in progress',
      'describe-services',
      {
        services: [
          { deployments: [{ status: 'PRIMARY', taskDefinition: stack.taskDefinition, createdAt: DEPLOYED, rolloutState: 'IN_PROGRESS' }] },
        ],
      },
      'The deployment is IN_PROGRESS, not COMPLETED.',
    ],
    [
      'no healthy task',
      'describe-target-health',
      { TargetHealthDescriptions: [{ TargetHealth: { State: 'unhealthy', Description: 'Health checks failed' } }] },
      'The task is unhealthy: Health checks failed',
    ],
    ['a rule that was switched off by hand', 'describe-rule', { State: 'DISABLED' }, 'The rule is DISABLED, not ENABLED.'],
    [
      'a connection without its key',
      'describe-connection',
      { ConnectionState: 'DEAUTHORIZED' },
      'The connection is DEAUTHORIZED, not AUTHORIZED.',
    ],
  ])('finds %s', async (_, operation, response, fault) => {
    responses[operation] = response;
    expect(await faults()).toEqual([fault]);
  });

  test.each<[string, object[], string]>([
    [
      'an unconfirmed email address',
      [{ Endpoint: 'oncall@acme.test', SubscriptionArn: 'PendingConfirmation' }],
      'oncall@acme.test must confirm the subscription email from AWS.',
    ],
    ['alarms without a recipient', [], 'The topic has no subscribers. Run `npm run pulumi -- up` to subscribe alarmEmails.'],
  ])('only warns of %s, because a release works without it', async (_, subscriptions, warning) => {
    responses['list-subscriptions-by-topic'] = { Subscriptions: subscriptions };
    const findings = await smoke(stack, aws, undefined, () => {});
    // Both topics have the same recipients.
    expect(findings.flatMap((finding) => finding.warning ?? [])).toEqual([warning, warning]);
    expect(findings.filter(({ fault }) => fault)).toEqual([]);
  });

  test('has no balancer and no connection to check without a load balancer', async () => {
    const { targetGroup: _, scheduleConnection: __, ...without } = stack;
    const findings = await smoke(without, aws, undefined, () => {});
    expect(findings).toHaveLength(5);
    expect(findings.filter(({ fault }) => fault)).toEqual([]);
  });

  test('finds a schedule that does not tick, by the last two intervals', async () => {
    responses['filter-log-events'] = { events: [] };
    const findings = await smoke(stack, aws, undefined, () => {}, clockAt('12:00'));
    expect(findings.at(-1)?.fault).toMatch(/^The log contains no tick since 2026-03-22T11:30:00.000Z/);
    expect(calls.at(-1)).toEqual(expect.arrayContaining(['--start-time', String(Date.parse('2026-03-22T11:30:00Z'))]));
  });

  /** The log of a service that accepts a tick at 09:58 and, after the deployment at 10:00, perhaps at another time. */
  function acceptTicks(clock: Clock, next?: string): void {
    const ticks = ['09:58', next ?? []].flat().map((time) => Date.parse(`2026-03-22T${time}:00Z`));
    responses['filter-log-events'] = (args: string[]) => {
      const start = Number(args[args.indexOf('--start-time') + 1]);
      return { events: ticks.filter((tick) => tick >= start && tick <= clock.now()) };
    };
  }

  test('waits for a tick that the new task accepts: one of the old task says nothing about it', async () => {
    const [clock, lines] = [clockAt('10:04'), [] as string[]];
    acceptTicks(clock, '10:13');
    expect((await smoke(stack, aws, undefined, (line) => lines.push(line), clock)).at(-1)).toEqual({ check: 'a tick is accepted' });
    expect(lines).toEqual(['Waiting for a tick of the schedule, until 2026-03-22T10:17:00.123Z …']);
    expect(clock.now()).toBe(Date.parse('2026-03-22T10:13:00Z'));
  });

  test('finds that the new task accepts no tick, though the old task did', async () => {
    const clock = clockAt('10:04');
    acceptTicks(clock);
    expect((await smoke(stack, aws, undefined, () => {}, clock)).at(-1)?.fault).toMatch(
      /^The log contains no tick since 2026-03-22T10:00:00.123Z/,
    );
  });

  test('knows the time of the deployment if the CLI shows times as seconds', async () => {
    const clock = clockAt('10:04');
    acceptTicks(clock);
    const { services } = responses['describe-services'] as { services: { deployments: { createdAt: unknown }[] }[] };
    services[0]!.deployments[0]!.createdAt = Date.parse('2026-03-22T10:00:00Z') / 1000;
    expect((await smoke(stack, aws, undefined, () => {}, clock)).at(-1)?.fault).toMatch(
      /^The log contains no tick since 2026-03-22T10:00:00.000Z/,
    );
  });

  test('only warns that no tick is to be expected while the schedule is off: a release works without it', async () => {
    responses['describe-rule'] = { State: 'DISABLED' };
    const findings = await smoke({ ...stack, scheduleEnabled: false }, aws, undefined, () => {}, clockAt('12:00'));
    expect(findings.at(-1)?.warning).toMatch(/^The schedule is off\. Set SYNC_API_KEY /);
    expect(findings.filter(({ fault }) => fault)).toEqual([]);
  });

  test('waits no longer than a deployment may, nor if another check failed, and says when the tick is due', async () => {
    const clock = clockAt('10:04');
    acceptTicks(clock);
    const hourly = { ...stack, scheduleMinutes: 60 };
    const due = {
      check: 'a tick is accepted',
      warning: 'No tick since the deployment is due before 2026-03-22T11:02:00.123Z. Run this command again then.',
    };
    expect((await smoke(hourly, aws, undefined, () => {}, clock)).at(-1)).toEqual(due);
    expect(clock.now()).toBe(Date.parse('2026-03-22T10:24:00Z'));
    responses['describe-rule'] = { State: 'DISABLED' };
    expect((await smoke(hourly, aws, undefined, () => {}, clock)).at(-1)).toEqual(due);
    expect(clock.now()).toBe(Date.parse('2026-03-22T10:24:00Z'));
  });

  test('reports a check that AWS denies, and runs the others', async () => {
    delete responses['describe-target-health'];
    expect(await faults()).toEqual([expect.stringContaining('AccessDenied')]);
    expect(calls.map((args) => args[1])).toContain('filter-log-events');
  });

  describe('with an API key', () => {
    const server = createServer((request, response) => {
      const ok = request.method === 'POST' && request.url === '/handle_importing_job' && request.headers['x-api-key'] === 'the key';
      response.writeHead(ok ? 200 : 403).end(ok ? 'OK' : 'no');
    });
    let url: string;
    beforeAll(async () => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => void server.close());

    test('sends a tick itself, as the schedule would', async () => {
      responses['describe-rule'] = { State: 'DISABLED' };
      expect(await faults({ ...stack, url, scheduleEnabled: false }, 'the key')).toEqual([]);
      expect(await faults({ ...stack, url, scheduleEnabled: false }, 'another')).toEqual(['The service returned 403: no']);
    });
  });
});

describe('an app command', () => {
  /** A task that logs two lines on two pages, then stops. */
  function taskThatEndsWith(container: object): void {
    let polls = 0;
    const pages: Record<string, object> = {
      '': { events: [{ message: 'one' }], nextForwardToken: 'f/1' },
      'f/1': { events: [{ message: 'two' }], nextForwardToken: 'f/2' },
      'f/2': { events: [], nextForwardToken: 'f/2' },
    };
    Object.assign(responses, {
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
    const args = calls.find(([, one]) => one === operation)!;
    return JSON.parse(args[args.indexOf(name) + 1]!);
  };

  test("runs once, with the service's task definition and network", async () => {
    taskThatEndsWith({ exitCode: 0 });
    const lines: string[] = [];
    expect(await runCommand(stack, aws, ['migrate'], (line) => lines.push(line), 1)).toBe(0);
    expect(lines).toEqual(['one', 'two']);
    expect(calls.find(([, operation]) => operation === 'run-task')).toEqual(
      expect.arrayContaining(['--task-definition', stack.taskDefinition]),
    );
    expect(argument('run-task', '--overrides')).toEqual({
      containerOverrides: [{ name: 'app', command: ['node', 'app/cli.ts', 'migrate'] }],
    });
    expect(argument('run-task', '--network-configuration')).toMatchObject({ awsvpcConfiguration: { subnets: ['subnet-1'] } });
    expect(calls.find(([, operation]) => operation === 'get-log-events')).toEqual(expect.arrayContaining(['app/app/0123456789abcdef']));
  });

  test('returns its exit code', async () => {
    taskThatEndsWith({ exitCode: 3 });
    expect(await runCommand(stack, aws, ['migrate'], () => {}, 1)).toBe(3);
  });

  test('fails with the reason if it did not run', async () => {
    taskThatEndsWith({ reason: 'CannotPullContainerError' });
    const lines: string[] = [];
    expect(await runCommand(stack, aws, ['migrate'], (line) => lines.push(line), 1)).toBe(1);
    expect(lines.at(-1)).toBe('The command did not run: CannotPullContainerError.');
  });

  test("prints the log of the container that migrates, if that failed and the command's own container never started", async () => {
    taskThatEndsWith({ reason: 'dependency failed' });
    const ended = { taskArn: TASK, lastStatus: 'STOPPED', containers: [{ name: 'app' }, { name: 'migrate', exitCode: 1 }] };
    responses['describe-tasks'] = { tasks: [ended] };
    responses['get-log-events'] = (args: string[]) => {
      if (!args.includes('app/migrate/0123456789abcdef')) throw new Error('An error occurred (ResourceNotFoundException)');
      const isFirst = !args.includes('--next-token');
      return { events: isFirst ? [{ message: 'password authentication failed' }] : [], nextForwardToken: 'f/1' };
    };
    const lines: string[] = [];
    expect(await runCommand(stack, aws, ['reseal'], (line) => lines.push(line), 1)).toBe(1);
    expect(lines).toEqual([
      'password authentication failed',
      'The command did not run, because the migration of the job store, which comes first, ended with exit code 1.',
    ]);
  });

  test('throws the reason if ECS does not start it', async () => {
    responses['run-task'] = { tasks: [], failures: [{ reason: 'RESOURCE:CPU' }] };
    await expect(runCommand(stack, aws, ['migrate'], () => {}, 1)).rejects.toThrow('ECS did not start a task: RESOURCE:CPU.');
  });
});

describe('the operate scripts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sync-operate-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Puts a program on the PATH, for this test's processes only. */
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

  test('pulumi.ts runs the CLI with this Node first on the PATH, and returns its exit code', async () => {
    await install('pulumi', `case "$1" in version) echo v3.271.0;; *) command -v node; echo "$@"; exit 5;; esac`);
    expect(await start('pulumi.ts', 'up', '--yes')).toEqual({ code: 5, text: `${process.execPath}\nup --yes\n` });
  });

  test.each(['v3.269.1', 'v4.0.0'])('pulumi.ts rejects CLI %s, which does not support the SDK', async (version) => {
    await install('pulumi', `echo ${version}`);
    const { code, text } = await start('pulumi.ts', 'up');
    expect({ code, text }).toEqual({
      code: 1,
      text: `Pulumi CLI ${version.slice(1)} does not support SDK 3.270.0. Install version 3.270.0 or a newer 3.x version.\n`,
    });
  });

  test('pulumi.ts creates no stack named dev, whose file is committed and must not be written', async () => {
    await install('pulumi', `case "$1" in version) echo v3.271.0;; *) echo "$@";; esac`);
    for (const args of [
      ['stack', 'init', 'dev'],
      ['stack', 'init', '--secrets-provider', 'passphrase', 'acme/dev'],
      ['stack', 'init', '--stack', 'dev'],
    ]) {
      expect(await start('pulumi.ts', ...args)).toEqual({
        code: 1,
        text: 'Pulumi.dev.yaml is committed, and Pulumi would write to it. Copy it to Pulumi.trial.yaml and run `npm run pulumi -- stack init trial`.\n',
      });
    }
    expect((await start('pulumi.ts', 'stack', 'init', 'trial')).text).toBe('stack init trial\n');
  });

  test('pulumi.ts reports a missing CLI in one line', async () => {
    await rm(join(folder, 'pulumi'), { force: true });
    expect(await start('pulumi.ts', 'up')).toEqual({
      code: 1,
      text: 'pulumi is not installed or not on the PATH. See "Prerequisites" in infra/README.md.\n',
    });
  });

  test('op smoke succeeds while an email is unconfirmed, and says so', async () => {
    await writeFile(join(folder, 'stack.json'), JSON.stringify(stack));
    await install('pulumi', `cat ${join(folder, 'stack.json')}`);
    const pending = { Subscriptions: [{ Endpoint: 'oncall@acme.test', SubscriptionArn: 'PendingConfirmation' }] };
    const replies = Object.entries({ ...healthy(), 'list-subscriptions-by-topic': pending });
    await install(
      'aws',
      `case "$2" in ${replies.map(([operation, reply]) => `${operation}) echo '${JSON.stringify(reply)}';;`).join(' ')} esac`,
    );
    const { code, text } = await start('op.ts', 'smoke');
    expect(code).toBe(0);
    expect(text).toContain('! alarm emails are confirmed: oncall@acme.test must confirm the subscription email from AWS.\n');
  });

  test("op smoke calls AWS in the stack's region, and fails if a check fails", async () => {
    await writeFile(join(folder, 'stack.json'), JSON.stringify(stack));
    await install('pulumi', `cat ${join(folder, 'stack.json')}`);
    await install('aws', `echo "$@" >> ${join(folder, 'calls')}; echo 'An error occurred (ExpiredToken)' >&2; exit 254`);
    const { code, text } = await start('op.ts', 'smoke');
    expect(code).toBe(1);
    expect(text).toContain(
      '✗ the service runs the deployed task definition: aws ecs describe-services failed: An error occurred (ExpiredToken)',
    );
    expect(await readFile(join(folder, 'calls'), 'utf8')).toContain('--region eu-north-1');
  });

  describe('op rotate', () => {
    const set = () => join(folder, 'set');

    /** Runs a rotation on a stack whose file has one list of keys, while another may be deployed. */
    async function rotate(
      what: 'tick' | 'token',
      file: number[],
      deployed: Partial<Stack>,
    ): Promise<{ code: number; text: string; writes: string }> {
      await writeFile(set(), '');
      await writeFile(join(folder, 'stack.json'), JSON.stringify({ ...stack, ...deployed }));
      await writeFile(
        join(folder, 'config.json'),
        JSON.stringify({ [`salesforce-bigquery:${what}Keys`]: { value: JSON.stringify(file) } }),
      );
      await install(
        'pulumi',
        `case "$1 $2" in "stack output") cat ${folder}/stack.json;; "config --json") cat ${folder}/config.json;; *) echo "$@" >> ${set()};; esac`,
      );
      return { ...(await start('op.ts', 'rotate', what)), writes: await readFile(set(), 'utf8') };
    }
    async function runTask(taskDefinition: string, exitCode: number): Promise<void> {
      const deployments = [
        { status: 'PRIMARY', taskDefinition, createdAt: DEPLOYED, rolloutState: 'COMPLETED', runningCount: 1, desiredCount: 1 },
      ];
      const task = { taskArn: TASK, lastStatus: 'STOPPED', containers: [{ name: 'app', exitCode }] };
      const replies = {
        'describe-services': { services: [{ taskDefinition, networkConfiguration: {}, deployments }] },
        'run-task': { tasks: [task], failures: [] },
        'describe-tasks': { tasks: [task] },
        'get-log-events': { events: [], nextForwardToken: 'f/1' },
      };
      const cases = Object.entries(replies).map(([operation, reply]) => `${operation}) echo '${JSON.stringify(reply)}';;`);
      await install('aws', `case "$2" in ${cases.join(' ')} esac`);
    }
    beforeEach(() => runTask(stack.taskDefinition, 0));

    test("writes the next step to the stack's file, and says what to run", async () => {
      expect(await rotate('tick', [1, 2], { tickKeys: [1, 2] })).toEqual({
        code: 0,
        text:
          'tickKeys is now [2, 1], which uses key 2. Run `npm run pulumi -- up`, then `npm run op -- smoke`.\n' +
          'If every check passes, run `npm run op -- rotate tick` again.\n',
        writes: 'config set --path tickKeys[0] 2\nconfig set --path tickKeys[1] 1\n',
      });
    });

    test('refuses to remove the only key that opens the tokens, because the update that replaces it was forgotten', async () => {
      expect(await rotate('token', [2, 1], { tokenKeys: [1, 2] })).toEqual({
        code: 1,
        text: 'tokenKeys is [2, 1] in the file of the stack, but [1, 2] is deployed. Run `npm run pulumi -- up`, then `npm run op -- smoke`, then this command again.\n',
        writes: '',
      });
    });

    test('refuses a stack that an earlier release deployed, which does not say its keys', async () => {
      expect(await rotate('token', [1], {})).toMatchObject({
        code: 1,
        text: expect.stringContaining('but nothing is deployed.'),
        writes: '',
      });
    });

    test.each(['tick', 'token'] as const)('refuses to rotate the %s key of a service that ECS rolled back', async (what) => {
      await runTask(stack.taskDefinition.replace(':7', ':6'), 0);
      expect(await rotate(what, [2, 1], { [`${what}Keys`]: [2, 1] })).toEqual({
        code: 1,
        text: expect.stringMatching(/^The service runs .*sync:6, not .*sync:7\. ECS rolled back the deployment\. /),
        writes: '',
      });
    });

    test('removes no token key while the stack is protected, because Pulumi would refuse to delete it', async () => {
      expect(await rotate('token', [2, 1], { tokenKeys: [2, 1], protect: true })).toEqual({
        code: 1,
        text:
          'The stack protects key 1, and would refuse to delete it. Run `npm run pulumi -- config set protect false` and ' +
          '`npm run pulumi -- up`, then this command again.\n',
        writes: '',
      });
    });

    test('seals with the new token key before it removes the old one', async () => {
      expect(await rotate('token', [2, 1], { tokenKeys: [2, 1], protect: false })).toEqual({
        code: 0,
        text:
          'tokenKeys is now [2], which removes key 1. Run `npm run pulumi -- up`, then `npm run op -- smoke`.\n' +
          'If you set protect to false for this, set it back then, and run `npm run pulumi -- up` again.\n',
        writes: 'config set --path tokenKeys[0] 2\nconfig rm --path tokenKeys[1]\n',
      });
      await runTask(stack.taskDefinition, 1);
      expect(await rotate('token', [2, 1], { tokenKeys: [2, 1], protect: false })).toEqual({
        code: 1,
        text: 'Rows still need the old key, so it stays. Run this command again.\n',
        writes: '',
      });
    });
  });

  test('op without a command prints its usage', async () => {
    expect(await start('op.ts')).toMatchObject({ code: 2, text: expect.stringContaining('npm run op -- smoke') });
  });

  test('op on a stack that was never deployed asks to deploy it', async () => {
    await install('pulumi', 'echo "{}"');
    expect(await start('op.ts', 'smoke')).toEqual({ code: 1, text: 'The stack has no outputs. Run `npm run pulumi -- up` first.\n' });
  });
});
