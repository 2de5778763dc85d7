import { rm } from 'node:fs/promises';
import type { LocalPostgres } from '../../../app/local/emulators/postgres.ts';

/** Jest's globalTeardown. */
export default async function stop(): Promise<void> {
  const { testPostgres, testPostgresFolder } = globalThis as unknown as { testPostgres: LocalPostgres; testPostgresFolder: string };
  await testPostgres.close();
  await rm(testPostgresFolder, { recursive: true, force: true });
}
