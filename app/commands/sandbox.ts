import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { Command } from '../cli.ts';
import { startSandbox } from '../sandbox/sandbox.ts';

/** Runs the sandbox until told to stop. Started by another process of ours, it tells that one where it is. */
export const sandbox: Command = async ({ args, stop }) => {
  const { values } = parseArgs({ args, options: { data: { type: 'string', default: '.local' }, clock: { type: 'string' } } });
  const { endpoints, close } = await startSandbox({ dataFolder: values.data, ...(values.clock !== undefined && { now: values.clock }) });
  try {
    if (process.connected) process.send?.({ endpoints });
    else console.log(JSON.stringify(endpoints, null, 2));
    if (!stop.aborted) await once(stop, 'abort');
    return 0;
  } finally {
    await close();
  }
};
