import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { readPortBase } from '../sandbox/ports.ts';
import { type SandboxEndpoints, type SandboxOptions, startSandbox } from '../sandbox/sandbox.ts';
import { isStartError } from '../sandbox/start-error.ts';
import type { Command } from './command.ts';
import { CommandError } from './command-error.ts';

/** What the sandbox sends to the process of ours that started it: where it is, or in a sentence why it does not start. */
export type SandboxMessage = { endpoints: SandboxEndpoints } | { refusal: string };

/** Runs the sandbox until it is stopped. */
export const sandbox: Command = async ({ args, stop }) => {
  try {
    const { endpoints, close } = await startSandbox(readOptions(args));
    try {
      if (process.connected) process.send?.({ endpoints } satisfies SandboxMessage);
      else console.log(JSON.stringify(endpoints, null, 2));
      if (!stop.aborted) await once(stop, 'abort');
      return 0;
    } finally {
      await close();
    }
  } catch (error) {
    if (!isStartError(error)) throw error;
    if (!process.connected) throw new CommandError(error.message, { cause: error });
    await new Promise((resolve) => process.send!({ refusal: error.message } satisfies SandboxMessage, resolve));
    return 2;
  }
};

function readOptions(args: string[]): SandboxOptions {
  const { values } = parseArgs({
    args,
    options: { data: { type: 'string', default: '.local' }, 'port-base': { type: 'string' }, clock: { type: 'string' } },
  });
  return {
    dataFolder: values.data,
    ...(values['port-base'] !== undefined && { portBase: readPortBase(values['port-base']) }),
    ...(values.clock !== undefined && { now: values.clock }),
  };
}
