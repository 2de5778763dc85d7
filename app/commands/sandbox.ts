import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { Command } from '../cli.ts';
import { startSandbox } from '../sandbox/sandbox.ts';

/** Runs the sandbox until told to stop, or until the process that started it is gone. */
export const sandbox: Command = async ({ args, stop }) => {
  const { values } = parseArgs({ args, options: { data: { type: 'string', default: '.local' }, clock: { type: 'string' } } });
  const { endpoints, close } = await startSandbox({ dataFolder: values.data, ...(values.clock !== undefined && { now: values.clock }) });
  try {
    if (process.send) process.send({ endpoints });
    else console.log(JSON.stringify(endpoints, null, 2));
    // A parent that was killed cannot tell us to stop, but its channel closes.
    const orphaned = process.channel ? [once(process, 'disconnect')] : [];
    if (!stop.aborted && (!process.send || process.connected)) await Promise.race([once(stop, 'abort'), ...orphaned]);
    return 0;
  } finally {
    await close();
  }
};
