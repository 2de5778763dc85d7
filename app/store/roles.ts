import pg from 'pg';
import { type Queryable, transaction } from './database.ts';
import { lockSchema } from './migrate.ts';
import { scramVerifier } from './scram.ts';

const name = pg.escapeIdentifier;
const text = pg.escapeLiteral;

interface Login {
  user: string;
  password: string;
}

/**
 * Creates the two roles of the job store, or sets their passwords: `owner` owns the schema and whatever a release before these roles
 * created in it, and `runtime` may only connect. May run again at any time.
 * @param master a connection of a role that may create roles, as the one that RDS creates
 */
export async function setUpRoles(master: pg.Pool, owner: Login, runtime: Login): Promise<void> {
  await transaction(master, async (client) => {
    await lockSchema(client);
    for (const { user, password } of [owner, runtime]) {
      const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [user]);
      const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
      await client.query(`${verb} ROLE ${name(user)} LOGIN PASSWORD ${text(scramVerifier(password))}`);
    }
    const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database');
    const database = name(rows[0]!.database);
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${name(owner.user)}, ${name(runtime.user)}`);
    // Only a member of a role may give it something to own.
    await client.query(`GRANT ${name(owner.user)} TO CURRENT_USER`);
    await giveSchema(client, owner.user);
    await client.query(`REVOKE ${name(owner.user)} FROM CURRENT_USER`);
  });
}

/** Changes the owner of everything in the schema that the connection's own role owns. Sequences of columns follow their tables. */
async function giveSchema(client: Queryable, owner: string): Promise<void> {
  await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${name(owner)}`);
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('ALTER TABLE public.%I OWNER TO %I', relname, $1::text) AS statement FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p') AND relowner = CURRENT_USER::regrole
     UNION ALL
     SELECT format('ALTER FUNCTION %s OWNER TO %I', oid::regprocedure, $1::text) FROM pg_proc
       WHERE pronamespace = 'public'::regnamespace AND proowner = CURRENT_USER::regrole
     UNION ALL
     SELECT format('ALTER TYPE public.%I OWNER TO %I', typname, $1::text) FROM pg_type
       WHERE typnamespace = 'public'::regnamespace AND typowner = CURRENT_USER::regrole AND typtype IN ('e', 'd')`,
    [owner],
  );
  for (const { statement } of rows) await client.query(statement);
}

/** Lets the run-time role read and write the rows of all tables, those of later migrations too, and read which migrations ran. */
export async function grantRuntime(owner: pg.Pool, runtime: string): Promise<void> {
  const role = name(runtime);
  await transaction(owner, async (client) => {
    await lockSchema(client);
    await client.query(`GRANT USAGE ON SCHEMA public TO ${role}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`);
    await client.query(`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${role}`);
    await client.query(`REVOKE INSERT, UPDATE, DELETE ON migrations FROM ${role}`);
  });
}
