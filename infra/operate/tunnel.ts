import { APP_PORT } from '../network/ports.ts';
import { CONTAINER } from '../service/container-name.ts';
import type { Aws, Stack } from './stack.ts';

interface TunnelTask {
  taskArn: string;
  containers: { name: string; runtimeId?: string }[];
}

/**
 * The arguments of the AWS CLI that forward localhost:4444 to a running task, through AWS's Systems Manager: no port of the task is open.
 * @throws Error if no task runs
 */
export async function tunnelArguments(stack: Stack, aws: Aws): Promise<string[]> {
  const list = ['ecs', 'list-tasks', '--cluster', stack.cluster, '--service-name', stack.serviceName, '--desired-status', 'RUNNING'];
  const { taskArns } = await aws<{ taskArns: string[] }>(...list);
  if (!taskArns[0]) throw new Error(`No task of ${stack.serviceName} is running. Check log group ${stack.logGroup}.`);
  const { tasks } = await aws<{ tasks: TunnelTask[] }>('ecs', 'describe-tasks', '--cluster', stack.cluster, '--tasks', taskArns[0]);
  const runtimeId = tasks[0]?.containers.find(({ name }) => name === CONTAINER)?.runtimeId;
  if (!runtimeId) throw new Error('The task has not started its container yet. Run this command again in a minute.');
  const id = taskArns[0].split('/').at(-1);
  const ports = { portNumber: [String(APP_PORT)], localPortNumber: [String(APP_PORT)] };
  return [
    'ssm',
    'start-session',
    '--target',
    `ecs:${stack.cluster}_${id}_${runtimeId}`,
    '--document-name',
    'AWS-StartPortForwardingSession',
    '--parameters',
    JSON.stringify(ports),
    '--region',
    stack.region,
  ];
}
