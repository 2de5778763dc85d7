import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { NEWEST_VERSION, OLDEST_VERSION } from '../oauth/session.ts';
import { fillerDefinitions } from '../objects/filler-objects.ts';
import type { ObjectDefinition } from '../objects/object-definition.ts';
import type { Org } from '../org/org.ts';
import type { Parts } from '../parts.ts';
import { objectSummary } from './describe.ts';
import { type Condition, type ConditionalReply, conditionalReply, describeReply } from './describe-reply.ts';
import { queryParameter, replyJson } from './reply.ts';
import { notFoundError } from './salesforce-error.ts';

const SEASONS = ['Spring', 'Summer', 'Winter'];

/** `/services/data`: the versions; needs no session. */
export function versionsRoute(router: Router): void {
  router.get('/services/data', (context) => {
    const numbers = Array.from({ length: NEWEST_VERSION - OLDEST_VERSION + 1 }, (_, index) => OLDEST_VERSION + index);
    replyJson(
      context,
      numbers.map((number) => ({ label: release(number), url: `/services/data/v${number}.0`, version: `${number}.0` })),
    );
  });
}

/** v66 is Spring '26; there are three releases a year. */
function release(number: number): string {
  const releases = number - NEWEST_VERSION;
  const season = SEASONS[((releases % 3) + 3) % 3] ?? '';
  return `${season} '${26 + Math.floor(releases / 3) + (season === 'Winter' ? 1 : 0)}`;
}

/** REST resources other than queries. */
export function restRoutes(router: Router, parts: Parts): void {
  const { org, limits } = parts;
  const data = '/services/data/:version';

  router.get(`${data}/sobjects`, (context) => {
    const sobjects = everyDefinition(org).map((definition) => objectSummary(definition, context.state.version));
    const changed = new Date(Math.max(...org.tables().map((table) => table.describedAt.getTime())));
    replyUnlessKnown(context, conditionalReply({ encoding: 'UTF-8', maxBatchSize: 200, sobjects }, changed, conditionOf(context)));
  });

  router.get(`${data}/sobjects/:object/describe`, (context) => {
    replyUnlessKnown(context, describeReply(parts, context.params.object ?? '', context.state.version, conditionOf(context)));
  });

  router.get(`${data}/sobjects/:object`, (context) => {
    const table = org.table(context.params.object ?? '');
    if (!table) throw notFoundError();
    replyJson(context, { objectDescribe: objectSummary(table.definition, context.state.version), recentItems: [] });
  });

  router.get(`${data}/limits`, (context) => {
    replyJson(context, limits.all());
  });

  router.get(`${data}/limits/recordCount`, (context) => {
    const names = queryParameter(context, 'sObjects')?.split(',');
    const tables = names ? names.map((name) => org.table(name.trim())) : org.tables();
    const sObjects = tables.flatMap((table) => (table && table.count > 0 ? [{ count: table.count, name: table.definition.name }] : []));
    replyJson(context, { sObjects });
  });
}

/** Objects with and without rows, in alphabetical order. */
function everyDefinition(org: Org): ObjectDefinition[] {
  const withRows = org.tables().map((table) => table.definition);
  const names = new Set(withRows.map(({ name }) => name));
  const others = fillerDefinitions().filter(({ name }) => !names.has(name));
  return [...withRows, ...others].sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Sends a reply, or 304 if the client already has it. */
function replyUnlessKnown(context: Context, { status, headers, text }: ConditionalReply): void {
  context.set({ ...headers });
  if (status === 304) context.status = 304;
  else replyJson(context, text);
}

function conditionOf(context: Context): Condition {
  return { ifNoneMatch: context.get('If-None-Match'), ifModifiedSince: context.get('If-Modified-Since') };
}
