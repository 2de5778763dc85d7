import { readConfig } from '../config.ts';
import { databaseAddress } from '../context.ts';
import { openDatabase } from '../store/database.ts';
import { migrate, waitForDatabase } from '../store/migrate.ts';
import type { Command } from './command.ts';

/** Migrates the job store to this release's schema, as `serve` does before it listens. */
export const migrateStore: Command = async ({ env }) => {
  const database = openDatabase(databaseAddress(readConfig(env)), () => {});
  try {
    await waitForDatabase(database);
    const names = await migrate(database);
    console.log(names.length > 0 ? `Applied ${names.join(', ')}.` : 'The job store is up to date.');
    return 0;
  } finally {
    await database.end();
  }
};
