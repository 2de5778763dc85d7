import { afterAll } from '@jest/globals';
import { saveGrant } from '../../app/store/connections/connections.ts';
import { createSealer, type Sealer } from '../../app/store/seal.ts';
import { createTestDatabase, type TestDatabase } from './store/database.ts';

const identity = { orgId: '00D000000000000EAA', userId: '005000000000001AAA' };
const session = { accessToken: 'access-1', instanceUrl: 'https://one.example' };
const grant = {
  ...session,
  refreshToken: 'refresh-1',
  identityUrl: `https://login.example/id/${identity.orgId}/${identity.userId}`,
  loginUrl: 'https://login.example',
};

/** A job store with one connection. */
export interface ConnectionStore {
  database: TestDatabase;
  sealer: Sealer;
  identity: typeof identity;
  session: typeof session;
  grant: typeof grant;
  /** Replaces all connections by one with this grant. @returns its id */
  reset(): Promise<number>;
}

/** Creates a job store for the tests of a file, and closes it after them. */
export async function createConnectionStore(): Promise<ConnectionStore> {
  const database = await createTestDatabase();
  afterAll(() => database[Symbol.asyncDispose]());
  const sealer = createSealer([Buffer.alloc(32, 7)]);
  const reset = async (): Promise<number> => {
    await database.pool.query('TRUNCATE connections CASCADE');
    return (await saveGrant(database.pool, sealer, identity, grant)).id;
  };
  return { database, sealer, identity, session, grant, reset };
}
