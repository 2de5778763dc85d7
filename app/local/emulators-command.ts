import { once } from 'node:events';
import type { Command } from '../commands/command.ts';
import { CommandError } from '../commands/command-error.ts';
import { type EmulatorEndpoints, type EmulatorOptions, startEmulators } from './emulators/emulators.ts';
import { readPortBase } from './emulators/ports.ts';
import { isStartError } from './emulators/start-error.ts';

/** Sent to the parent process, if it is ours: the emulators' endpoints, or one sentence on why they did not start. */
export type EmulatorMessage = { endpoints: EmulatorEndpoints } | { refusal: string };

interface EmulatorsOptions {
  data: string;
  portBase?: string;
  clock?: string;
}

/** Runs the emulators until the command is stopped. */
export const emulators: Command<EmulatorsOptions> = async ({ options, stop }) => {
  try {
    const { endpoints, close } = await startEmulators(readOptions(options));
    try {
      if (process.connected) process.send?.({ endpoints } satisfies EmulatorMessage);
      else console.log(JSON.stringify(endpoints, null, 2));
      if (!stop.aborted) await once(stop, 'abort');
      return 0;
    } finally {
      await close();
    }
  } catch (error) {
    if (!isStartError(error)) throw error;
    if (!process.connected) throw new CommandError(error.message, { cause: error });
    await new Promise((resolve) => process.send!({ refusal: error.message } satisfies EmulatorMessage, resolve));
    return 2;
  }
};

function readOptions({ data, portBase, clock }: EmulatorsOptions): EmulatorOptions {
  return {
    dataFolder: data,
    ...(portBase !== undefined && { portBase: readPortBase(portBase) }),
    ...(clock !== undefined && { now: clock }),
  };
}
