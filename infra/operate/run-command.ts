import { setTimeout as sleep } from 'node:timers/promises';
import { CONTAINER, MIGRATION } from '../service/container-name.ts';
import type { Aws, Stack } from './stack.ts';

const POLL_MS = 3000;

interface Task {
  taskArn: string;
  lastStatus: string;
  stoppedReason?: string;
  containers: { name: string; exitCode?: number; reason?: string }[];
}

interface LiveService {
  taskDefinition: string;
  networkConfiguration: object;
}

/**
 * Runs a command of the app once, in a separate task with the service's image, configuration and network.
 * @param print called with each line of the task's log
 * @returns the command's exit code, or 1 if it did not run
 * @throws Error if ECS starts no task, or if an AWS call fails
 */
export async function runCommand(
  stack: Stack,
  aws: Aws,
  command: string[],
  print: (line: string) => void,
  pollMs = POLL_MS,
): Promise<number> {
  const task = await start(stack, aws, command);
  const log = new Tail(stack, aws, CONTAINER, task.taskArn, print);
  for (;;) {
    await sleep(pollMs);
    const now = await describe(stack, aws, task.taskArn);
    await log.follow();
    if (now.lastStatus === 'STOPPED') return await exitCode(stack, aws, now, print);
  }
}

async function start(stack: Stack, aws: Aws, command: string[]): Promise<Task> {
  const { services } = await aws<{ services: LiveService[] }>(
    'ecs',
    'describe-services',
    '--cluster',
    stack.cluster,
    '--services',
    stack.serviceName,
  );
  const [service] = services;
  if (!service) throw new Error(`Cluster ${stack.cluster} has no service ${stack.serviceName}. Run \`npm run pulumi -- up\` first.`);
  const overrides = { containerOverrides: [{ name: CONTAINER, command: ['node', 'app/cli.ts', ...command] }] };
  const { tasks, failures } = await aws<{ tasks: Task[]; failures: { reason?: string }[] }>(
    'ecs',
    'run-task',
    '--cluster',
    stack.cluster,
    '--launch-type',
    'FARGATE',
    '--task-definition',
    service.taskDefinition,
    '--network-configuration',
    JSON.stringify(service.networkConfiguration),
    '--overrides',
    JSON.stringify(overrides),
  );
  if (!tasks[0]) throw new Error(`ECS did not start a task: ${failures[0]?.reason ?? 'no reason given'}.`);
  return tasks[0];
}

async function describe(stack: Stack, aws: Aws, taskArn: string): Promise<Task> {
  const { tasks } = await aws<{ tasks: Task[] }>('ecs', 'describe-tasks', '--cluster', stack.cluster, '--tasks', taskArn);
  if (!tasks[0]) throw new Error(`ECS no longer lists task ${taskArn}. Check its output in log group ${stack.logGroup}.`);
  return tasks[0];
}

async function exitCode(stack: Stack, aws: Aws, task: Task, print: (line: string) => void): Promise<number> {
  const [container, migration] = [CONTAINER, MIGRATION].map((container) => task.containers.find(({ name }) => name === container));
  if (container?.exitCode !== undefined) return container.exitCode;
  if (migration?.exitCode) {
    await new Tail(stack, aws, MIGRATION, task.taskArn, print).follow();
    print(
      `The command did not run, because the migration of the job store, which comes first, ended with exit code ${migration.exitCode}.`,
    );
  } else print(`The command did not run: ${container?.reason ?? task.stoppedReason ?? 'ECS gave no reason'}.`);
  return 1;
}

/** Follows the log of a task's container from its start. */
class Tail {
  readonly #stack: Stack;
  readonly #aws: Aws;
  readonly #stream: string;
  readonly #print: (line: string) => void;
  #token: string | undefined;

  constructor(stack: Stack, aws: Aws, container: string, taskArn: string, print: (line: string) => void) {
    this.#stack = stack;
    this.#aws = aws;
    this.#stream = `${CONTAINER}/${container}/${taskArn.split('/').at(-1)}`;
    this.#print = print;
  }

  /** Prints the lines logged since the last call. */
  async follow(): Promise<void> {
    for (let more = true; more; ) {
      const page = await this.#next();
      for (const { message } of page.events) this.#print(message);
      // At the end of the log, CloudWatch returns the same token again.
      more = page.nextForwardToken !== this.#token && page.events.length > 0;
      this.#token = page.nextForwardToken;
    }
  }

  async #next(): Promise<{ events: { message: string }[]; nextForwardToken: string | undefined }> {
    const tokenArgs = this.#token ? ['--next-token', this.#token] : [];
    try {
      return await this.#aws(
        'logs',
        'get-log-events',
        '--log-group-name',
        this.#stack.logGroup,
        '--log-stream-name',
        this.#stream,
        '--start-from-head',
        ...tokenArgs,
      );
    } catch (error) {
      // The stream does not exist until the first line is logged.
      if (/ResourceNotFoundException/.test(String(error))) return { events: [], nextForwardToken: this.#token };
      throw error;
    }
  }
}
