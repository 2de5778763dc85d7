import { describe, expect, test } from '@jest/globals';
import type { Aws, Stack } from '../../infra/operate/stack.ts';
import { tunnelArguments } from '../../infra/operate/tunnel.ts';

const TASK = 'arn:aws:ecs:eu-north-1:123456789012:task/sync/0123456789abcdef';
const stack = { region: 'eu-north-1', cluster: 'sync', serviceName: 'sync', logGroup: 'sync-logs' } as Stack;

/** AWS's responses, by operation. */
const respondWith = (responses: Record<string, unknown>): Aws => (async (_: string, operation: string) => responses[operation]) as Aws;

describe('a tunnel', () => {
  test("forwards localhost to the app's port in a running task, through Systems Manager", async () => {
    const aws = respondWith({
      'list-tasks': { taskArns: [TASK] },
      'describe-tasks': {
        tasks: [
          {
            taskArn: TASK,
            containers: [
              { name: 'migrate', runtimeId: 'x-1' },
              { name: 'app', runtimeId: 'x-2' },
            ],
          },
        ],
      },
    });
    expect(await tunnelArguments(stack, aws)).toEqual([
      ...['ssm', 'start-session', '--target', 'ecs:sync_0123456789abcdef_x-2', '--document-name', 'AWS-StartPortForwardingSession'],
      ...['--parameters', '{"portNumber":["4444"],"localPortNumber":["4444"]}', '--region', 'eu-north-1'],
    ]);
  });

  test('needs a running task', async () => {
    await expect(tunnelArguments(stack, respondWith({ 'list-tasks': { taskArns: [] } }))).rejects.toThrow(
      'No task of sync is running. Check log group sync-logs.',
    );
  });
});
