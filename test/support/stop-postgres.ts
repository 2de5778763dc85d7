import { rm } from 'node:fs/promises';
import type { PostgresSandbox } from '../../app/sandbox/postgres.ts';

/** Jest's globalTeardown. */
export default async function stop(): Promise<void> {
  const { testPostgres, testPostgresFolder } = globalThis as unknown as { testPostgres: PostgresSandbox; testPostgresFolder: string };
  await testPostgres.close();
  await rm(testPostgresFolder, { recursive: true, force: true });
}
