import type { Router } from '@koa/router';
import type { Context } from 'koa';
import type { Parts } from '../parts.ts';
import { nextPageReply, queryReply, requestedPageRows } from './query-reply.ts';
import { queryParameter, replyJson } from './reply.ts';

/** REST query and queryAll, in pages. */
export function queryRoutes(router: Router, parts: Parts): void {
  router.get('/services/data/:version/query', (context) => answer(context, false));
  router.get('/services/data/:version/queryAll', (context) => answer(context, true));
  router.get(['/services/data/:version/query/:locator', '/services/data/:version/queryAll/:locator'], (context) => {
    replyJson(context, nextPageReply(parts, context.params.locator ?? '', context.state.version));
  });

  async function answer(context: Context, deleted: boolean): Promise<void> {
    const pageRows = requestedPageRows(context.get('Sforce-Query-Options'));
    const soql = queryParameter(context, 'q');
    replyJson(context, await queryReply(parts, { soql, deleted, version: context.state.version, pageRows }));
  }
}
