import { readStoreConfig } from '../config.ts';
import { databaseAddress } from '../context.ts';
import { openDatabase } from '../store/database.ts';
import { waitForDatabase } from '../store/migrate.ts';
import { createSealer } from '../store/seal.ts';
import { countOldRows, type OldRows, resealAll } from '../store/sealed-columns.ts';
import { COMMAND_LINE, type Command } from './command.ts';
import { findServiceEnv, type ServiceOptions } from './read-service-config.ts';

/**
 * Seals every row of the job store with the first of TOKEN_KEYS, and prints its progress and what it leaves. Can be stopped and run again
 * at any time, also while the service runs.
 * @returns 0 if the first key alone opens every row
 */
export const reseal: Command<ServiceOptions> = async ({ options, env, stop }) => {
  const found = await findServiceEnv(options, env);
  const config = readStoreConfig(found.env);
  const sealer = createSealer(config.tokenKeys);
  const database = openDatabase(databaseAddress(config), () => {});
  try {
    await waitForDatabase(database);
    const { outdated } = await countOldRows(database, sealer);
    console.log(outdated === 0 ? 'No row is sealed with an older key.' : `${countRows(outdated)} sealed with an older key.`);
    for await (const texts of resealAll(database, sealer, COMMAND_LINE)) {
      console.log(`Sealed ${texts} texts again.`);
      if (stop.aborted) break;
    }
    const left = await countOldRows(database, sealer);
    for (const sentence of describeLeft(left, stop.aborted)) console.log(sentence);
    return left.outdated + left.unreadable === 0 ? 0 : 1;
  } finally {
    await database.end();
  }
};

function describeLeft({ outdated, unreadable }: OldRows, stopped: boolean): string[] {
  if (outdated + unreadable === 0) return ['The first key of TOKEN_KEYS opens every row. Remove all other keys.'];
  const sentences: string[] = [];
  if (outdated > 0) {
    const why = stopped
      ? 'Run reseal again.'
      : 'If a process with another first key is still running, stop it. Then run reseal again. If that changes nothing, the rows are damaged: connect their users again.';
    sentences.push(`${countRows(outdated)} still sealed with an older key. ${why}`);
  }
  if (unreadable > 0) {
    sentences.push(
      `${countRows(unreadable)} sealed with a key that TOKEN_KEYS does not contain. Add the key, or connect their users again.`,
    );
  }
  return sentences;
}

function countRows(rows: number): string {
  return rows === 1 ? '1 row is' : `${rows} rows are`;
}
