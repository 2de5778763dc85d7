import type { EnvReader } from './env-reader.ts';

/** The job store: a URL, or the parts of an address with its password, or with the secret of AWS that contains it. */
export type DatabaseConfig = { url: string } | (DatabaseParts & ({ secretArn: string } | { password: string }));

interface DatabaseParts {
  host: string;
  port: number;
  database: string;
  user: string;
  certificatesFile: string;
}

/** A role of Postgres and its password. */
export interface Login {
  user: string;
  password: string;
}

/** What `migrate` needs. */
export interface MigrationConfig {
  /** the address with the role that owns the schema */
  database: DatabaseConfig;
  /** the role that the service has: it may read and write rows, and change no table; undefined: the same as above */
  runtime: Login | undefined;
  /** the role that creates these two, or changes their passwords; undefined: both exist */
  master: Login | undefined;
}

/** Reads the address of the job store. */
export function readDatabase(read: EnvReader): DatabaseConfig {
  const { DB_SECRET_ARN: secretArn, PGHOST, PGPASSWORD } = read.env;
  if (!secretArn && !(PGHOST && PGPASSWORD)) {
    return {
      url: read.url('DATABASE_URL', 'the URL of the job store, postgres://user:password@host:5432/database', ['postgres:', 'postgresql:']),
    };
  }
  const mode = read.text('PGSSLMODE', 'verify-full', 'verify-full');
  if (mode !== 'verify-full') read.fault('PGSSLMODE must be verify-full because the connection crosses a network.');
  return {
    host: read.text('PGHOST', 'the database host'),
    port: read.integer('PGPORT', 5432, 1, 65535),
    database: read.text('PGDATABASE', 'the database name'),
    user: read.text('PGUSER', 'the database user'),
    certificatesFile: read.text('PGSSLROOTCERT', 'the path of a file with the CA certificates for the database'),
    ...(secretArn ? { secretArn } : { password: PGPASSWORD! }),
  };
}

/** Reads what `migrate` needs, besides what DB_SECRET_ARN needs. */
export function readMigration(read: EnvReader): MigrationConfig {
  const database = readDatabase(read);
  const runtime = readLogin(read, 'RUNTIME');
  const master = readLogin(read, 'MASTER');
  if (master && !runtime)
    read.fault('MASTER_USER creates the roles of the job store, so RUNTIME_USER and RUNTIME_PASSWORD must be set too.');
  return { database, runtime, master };
}

function readLogin(read: EnvReader, prefix: 'RUNTIME' | 'MASTER'): Login | undefined {
  if (!read.env[`${prefix}_USER`]?.trim()) return undefined;
  return {
    user: read.text(`${prefix}_USER`, 'the name of a Postgres role'),
    password: read.text(`${prefix}_PASSWORD`, `the password of ${prefix}_USER`),
  };
}

/** The same address with another role. */
export function withLogin(database: DatabaseConfig, { user, password }: Login): DatabaseConfig {
  if ('url' in database) {
    const url = new URL(database.url);
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password);
    return { url: url.href };
  }
  const { host, port, database: name, certificatesFile } = database;
  return { host, port, database: name, certificatesFile, user, password };
}

/** The role of an address, and its password if the address has it. */
export function loginOf(database: DatabaseConfig): Login {
  if (!('url' in database)) return { user: database.user, password: 'password' in database ? database.password : '' };
  const { username, password } = new URL(database.url);
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}
