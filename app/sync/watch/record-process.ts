import { randomUUID } from 'node:crypto';
import type { Context } from '../../context.ts';
import { deleteProcess, saveHeartbeat } from '../../store/processes.ts';
import { THIS_PROCESS } from '../this-process.ts';

/** How often a process reports that it runs. */
const HEARTBEAT_MS = 30_000;

/**
 * Reports, now and every half minute, that this process runs, and which API keys were used meanwhile.
 * @returns `stop`, which withdraws the report
 */
export function recordProcess({ database, keyUses, events }: Context): { stop(): Promise<void> } {
  const self = { id: randomUUID(), ...THIS_PROCESS };
  const beat = (): Promise<void> =>
    saveHeartbeat(database, self)
      .then(() => keyUses.write())
      .catch(events.processNotRecorded);
  let beating = beat();
  const timer = setInterval(() => {
    beating = beat();
  }, HEARTBEAT_MS);
  return {
    async stop() {
      clearInterval(timer);
      await beating;
      await deleteProcess(database, self.id)
        .then(() => keyUses.write())
        .catch(events.processNotRecorded);
    },
  };
}
