import { Readable } from 'node:stream';
import type { Router } from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Fault } from './faults.ts';
import type { Allowance } from './limits.ts';
import { uploadCertificate } from './oauth/jwt-assertion.ts';
import type { FieldChange } from './org/field-change.ts';
import type { Org, OrgRecord } from './org/org.ts';
import type { Parts } from './parts.ts';
import { queryParameter, readBody, replyJson } from './rest/reply.ts';

/** The emulator's own routes: the org's clock, its raw records, faults. They need no session. */
export function adminRoutes(router: Router, parts: Parts): void {
  const { clock, faults, grants, journal, limits, org } = parts;
  router.use('/emulator', replyErrors);

  router.get('/emulator/clock', (context) => replyClock(context));
  router.put('/emulator/clock', async (context) => {
    const { now, days } = await jsonBody(context);
    if (days !== undefined) clock.forward(Number(days));
    else clock.set(now === null || now === undefined ? undefined : new Date(String(now)));
    journal.recordClock();
    replyClock(context);
  });

  router.get('/emulator/records', (context) => {
    const records = org.records(requestedObject(context, org));
    context.set('Content-Type', 'application/x-ndjson');
    context.body = Readable.from(ndjson(records), { objectMode: false });
  });
  router.post('/emulator/records', async (context) => {
    const fields = await jsonBody(context);
    replyJson(context, { id: journal.change('insert', requestedObject(context, org), fields as OrgRecord) });
  });
  router.patch('/emulator/records', async (context) => {
    const fields = await jsonBody(context);
    journal.change('update', requestedObject(context, org), requestedId(context), fields as OrgRecord);
    context.status = 204;
  });
  router.delete('/emulator/records', (context) => {
    const purge = queryParameter(context, 'purge') === 'true';
    if (purge) journal.change('purge', requestedObject(context, org), requestedId(context));
    else journal.change('remove', requestedObject(context, org), requestedId(context));
    context.status = 204;
  });

  router.post('/emulator/sessions/expire', (context) => {
    grants.expireSessions();
    context.status = 204;
  });

  router.post('/emulator/fields', async (context) => {
    const { object, ...change } = await jsonBody(context);
    journal.change('changeField', String(object), change as unknown as FieldChange);
    context.status = 204;
  });
  router.post('/emulator/merge', async (context) => {
    const { master, loser } = await jsonBody(context);
    journal.change('merge', requestedObject(context, org), String(master), String(loser));
    context.status = 204;
  });
  router.post('/emulator/undelete', (context) => {
    const movesStamps = queryParameter(context, 'stamps') !== 'false';
    journal.change('undelete', requestedObject(context, org), requestedId(context), movesStamps);
    context.status = 204;
  });
  router.post('/emulator/empty-bin', (context) => {
    journal.change('emptyBin', requestedObject(context, org));
    context.status = 204;
  });
  router.post('/emulator/access', async (context) => {
    const { change } = (await jsonBody(context)) as { change: 'hide' | 'show' };
    const id = queryParameter(context, 'id');
    journal.change('changeAccess', requestedObject(context, org), change, ...(id ? [id] : []));
    context.status = 204;
  });

  router.put('/emulator/jwt-key', async (context) => {
    uploadCertificate(parts.jwtKey, await readBody(context.req));
    context.status = 204;
  });

  router.put('/emulator/limits', async (context) => {
    for (const [name, allowance] of Object.entries(await jsonBody(context))) limits.set(name, allowance as Partial<Allowance>);
    replyJson(context, limits.all());
  });

  router.get('/emulator/faults', (context) => replyJson(context, faults.list()));
  router.post('/emulator/faults', async (context) => {
    faults.arm((await jsonBody(context)) as unknown as Fault);
    replyJson(context, faults.list());
  });
  router.delete('/emulator/faults', (context) => {
    faults.clear();
    context.status = 204;
  });

  function replyClock(context: Context): void {
    replyJson(context, { now: clock.now().toISOString() });
  }
}

const replyErrors: Middleware = async (context, next) => {
  try {
    await next();
  } catch (error) {
    replyJson(context, { error: Error.isError(error) ? error.message : String(error) }, 400);
  }
};

async function jsonBody(context: Context): Promise<Record<string, unknown>> {
  const body: unknown = JSON.parse((await readBody(context.req)) || '{}');
  if (typeof body !== 'object' || body === null) throw new Error('The body must be a JSON object.');
  return body as Record<string, unknown>;
}

function requestedObject(context: Context, org: Org): string {
  const object = queryParameter(context, 'object') ?? '';
  const table = org.anyTable(object);
  if (!table) throw new Error(`There is no object ${object}.`);
  return table.definition.name;
}

function requestedId(context: Context): string {
  const id = queryParameter(context, 'id');
  if (!id) throw new Error('The record id is missing. Add id=… to the query.');
  return id;
}

function* ndjson(records: Iterable<OrgRecord>): Generator<string> {
  let lines = '';
  for (const record of records) {
    lines += `${JSON.stringify(record)}\n`;
    if (lines.length < 16_384) continue;
    yield lines;
    lines = '';
  }
  yield lines;
}
