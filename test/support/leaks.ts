import type { IncomingMessage, OutgoingHttpHeaders, RequestListener } from 'node:http';
import type pg from 'pg';
import type { BigQueryEmulator } from '../../app/local/emulators/bigquery/rest/bigquery.ts';
import type { SalesforceEmulator } from '../../app/local/emulators/salesforce/salesforce.ts';

/** `npm run leaks`: searches for the values of all records, not of a few per object. */
const IS_WIDE = process.env.LEAKS === 'all';

/** How many records of an object lend their values. */
const RECORDS = IS_WIDE ? Number.POSITIVE_INFINITY : 5;

/** Types of fields with values that belong to the customer alone: not ids, dates, or the labels of a picklist. */
const TEXT_TYPES = new Set(['string', 'textarea', 'email', 'phone', 'url', 'encryptedstring']);

/** What a connection shows on purpose: its user and its org. */
const SHOWN = new Set(['User', 'Organization']);

/** A shorter value may be a common word. */
const MIN_LENGTH = 12;

/** What a service must not reveal: secrets, and values of records. */
export interface Needle {
  what: string;
  text: string;
  /** the only place where it belongs; undefined: nowhere */
  belongs?: string;
}

/** Text that a service has written somewhere. */
interface Haystack {
  where: string;
  text: string;
}

/** What was found where it must not be, one sentence each. The value itself is not repeated. */
export function findLeaks(needles: readonly Needle[], haystacks: readonly Haystack[]): string[] {
  return haystacks.flatMap(({ where, text }) =>
    needles.filter((needle) => needle.belongs !== where && text.includes(needle.text)).map(({ what }) => `${what} is in ${where}`),
  );
}

/** A request to a server, and its response. */
export interface Exchange {
  method: string;
  path: string;
  status: number;
  headers: OutgoingHttpHeaders;
  body: string;
  /** false: the caller hung up first */
  complete: boolean;
}

/** A server's responses, and the secrets that its callers sent. */
interface Overheard {
  exchanges: Exchange[];
  keys: Set<string>;
  /** the cookies of browsers with logins, and the tokens of connect links, both of which a response creates */
  bearers: Set<string>;
}

const RESPONSES = "the API's responses";

/** The page that exists to show values of records, to those who may see them. */
const SHOWS_ROWS = /^\/console\/jobs\/[0-9a-f-]{36}\/data$/;

/** Notes every response of a listener. */
export function overhear(listener: RequestListener): { listener: RequestListener; overheard: Overheard } {
  const overheard: Overheard = { exchanges: [], keys: new Set(), bearers: new Set() };
  return {
    overheard,
    listener(request, response) {
      for (const key of keysOf(request)) overheard.keys.add(key);
      for (const bearer of bearersOf(request)) overheard.bearers.add(bearer);
      const { write, end } = response;
      const chunks: Buffer[] = [];
      const note = (chunk: unknown): void => {
        if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
      };
      response.write = ((...given: Parameters<typeof write>) => {
        note(given[0]);
        return write.apply(response, given);
      }) as typeof write;
      response.end = ((...given: Parameters<typeof end>) => {
        note(given[0]);
        return end.apply(response, given);
      }) as typeof end;
      const { method, url } = request;
      response.once('close', () => {
        const { statusCode: status, writableFinished: complete } = response;
        const [path] = url!.split('?');
        const body = Buffer.concat(chunks).toString();
        overheard.exchanges.push({ method: method!, path: path!, status, headers: response.getHeaders(), body, complete });
      });
      listener(request, response);
    },
  };
}

function keysOf({ headers }: IncomingMessage): string[] {
  const keys = [/^Bearer (.{20,})$/.exec(headers.authorization ?? '')?.[1], headers['x-api-key']];
  return keys.filter((key) => typeof key === 'string');
}

function bearersOf({ headers, url }: IncomingMessage): string[] {
  const sent = [/login=([\w-]{43})/.exec(headers.cookie ?? '')?.[1], /^\/connect\/([\w-]{43})$/.exec(url ?? '')?.[1]];
  return sent.filter((bearer) => bearer !== undefined);
}

/** The secrets of an environment, of Salesforce and of callers, and values of the org's records. */
export function needlesOf(salesforce: SalesforceEmulator, env: NodeJS.ProcessEnv, { keys, bearers }: Overheard): Needle[] {
  const password = env.DATABASE_URL && new URL(env.DATABASE_URL).password;
  return [
    ...salesforce.secrets().map((text) => ({ what: 'a Salesforce secret', text })),
    ...(env.HASH_SALT ? [{ what: 'the salt of hashes', text: env.HASH_SALT }] : []),
    ...(env.TOKEN_KEYS ?? '').split(',').map((text) => ({ what: 'a token key', text })),
    ...(env.SALESFORCE_JWT_KEY ?? '')
      .split(/\\n|\n/)
      .filter((line) => !line.startsWith('-'))
      .map((text) => ({ what: 'a line of a private key', text })),
    ...[env.ALERT_WEBHOOK_URL ?? '', env.ALERT_WEBHOOK_SECRET ?? ''].map((text) => ({ what: 'a secret of the webhook', text })),
    ...[...keys].map((text) => ({ what: 'an API key', text })),
    ...[...bearers].map((text) => ({ what: 'a cookie or the token of a connect link', text, belongs: RESPONSES })),
    ...(password ? [{ what: 'the password of the job store', text: password }] : []),
    ...[...recordValues(salesforce)].map((text) => ({ what: 'the value of a record', text })),
  ].filter(({ text }) => text.length >= MIN_LENGTH);
}

/** The values of a few records of each object: the first ones, and those that were inserted from outside. */
function recordValues({ org }: SalesforceEmulator): Set<string> {
  const values = new Set<string>();
  for (const table of org.tables().filter(({ definition }) => !SHOWN.has(definition.name))) {
    const names = table.fields.filter(({ facts }) => TEXT_TYPES.has(facts.type)).map(({ facts }) => facts.name);
    for (const row of take(table.rows(), RECORDS)) {
      for (const value of names.map((name) => table.value(row, name))) {
        if (typeof value === 'string' && value.length >= MIN_LENGTH) values.add(value);
      }
    }
  }
  return values;
}

function* take<Item>(items: Iterable<Item>, count: number): Generator<Item> {
  let taken = 0;
  for (const item of items) {
    if (taken++ === count) return;
    yield item;
  }
}

/** Everything that a service has written so far, except the tables in BigQuery, which contain the records. */
export async function haystacksOf(
  { logged, database, bigquery }: { logged: string[]; database: { pool: pg.Pool }; bigquery: BigQueryEmulator },
  { exchanges }: Overheard,
): Promise<Haystack[]> {
  // The queries of tests have no labels.
  const jobs = bigquery.jobs().filter(({ configuration }) => configuration.labels);
  return [
    { where: 'the log', text: logged.join('') },
    {
      where: RESPONSES,
      text: exchanges
        .filter(({ path }) => !SHOWS_ROWS.test(path))
        .map(({ headers, body }) => `${JSON.stringify(headers)}${body}`)
        .join('\n'),
    },
    { where: 'the ids, labels and statements of BigQuery jobs', text: jobs.map(describeJob).join('\n') },
    ...(await storeTexts(database.pool).catch(noneIfDropped)),
  ];
}

/** Not its parameters, which are the only place for the salt of hashes. */
const describeJob = ({ jobReference, configuration }: ReturnType<BigQueryEmulator['jobs']>[number]): string =>
  JSON.stringify([jobReference, { ...configuration, query: { ...configuration.query, queryParameters: undefined } }]);

/** A test may have dropped the job store. */
function noneIfDropped(error: { code?: string }): Haystack[] {
  if (error.code === '3D000') return [];
  throw error;
}

/** Every row of every table of a job store, as text. Tables without any page cost nothing: most have no row in a test. */
async function storeTexts(database: pg.Pool): Promise<Haystack[]> {
  const { rows: tables } = await database.query<{ name: string }>(
    `SELECT quote_ident(relname) AS name FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0`,
  );
  const texts = tables.map(({ name }) => `SELECT '${name}' AS name, string_agg(t::text, E'\\n') AS text FROM ${name} AS t`);
  const { rows } = await database.query<{ name: string; text: string | null }>(texts.join(' UNION ALL '));
  return rows.map(({ name, text }) => ({ where: `the job store's table ${name}`, text: text ?? '' }));
}
