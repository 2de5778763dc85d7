import { readAws } from '../aws/aws-config.ts';
import { databaseAddress } from '../context.ts';
import { type DatabaseConfig, loginOf, type MigrationConfig, readMigration, withLogin } from '../database-config.ts';
import { EnvReader } from '../env-reader.ts';
import { openDatabase } from '../store/database.ts';
import { migrate, waitForDatabase } from '../store/migrate.ts';
import { grantRuntime, setUpRoles } from '../store/roles.ts';
import type { Command } from './command.ts';

/**
 * Migrates the job store to this release's schema, as `serve` does before it listens unless MIGRATIONS is check. With RUNTIME_USER, lets that
 * role work with the tables; with MASTER_USER, first creates both roles.
 */
export const migrateStore: Command = async ({ env }) => {
  const read = new EnvReader(env);
  const config = readMigration(read);
  const aws = env.DB_SECRET_ARN ? readAws(read) : undefined;
  read.finish();
  await setUp(config);
  await using owner = open(config.database, aws);
  await waitForDatabase(owner.pool);
  const names = await migrate(owner.pool);
  if (config.runtime) await grantRuntime(owner.pool, config.runtime.user);
  console.log(names.length > 0 ? `Applied ${names.join(', ')}.` : 'The job store is up to date.');
  return 0;
};

async function setUp({ database, runtime, master }: MigrationConfig): Promise<void> {
  if (!master || !runtime) return;
  await using opened = open(withLogin(database, master));
  await waitForDatabase(opened.pool);
  await setUpRoles(opened.pool, loginOf(database), runtime);
}

function open(database: DatabaseConfig, aws?: Parameters<typeof databaseAddress>[0]['aws']) {
  const pool = openDatabase(databaseAddress({ database, aws }), () => {});
  return { pool, [Symbol.asyncDispose]: () => pool.end() };
}
