import type { Json } from './json-schema.ts';

const text = (description: string, example: string): Json => ({
  description,
  content: { 'text/plain': { schema: { type: 'string' }, example } },
});

const operation = (id: string, summary: string, responses: Json): Json => ({
  get: { operationId: id, tags: ['service'], summary, security: [], responses },
});

/** The paths that need no API key, as OpenAPI describes them. */
export const OPEN_PATHS: Record<string, Json> = {
  '/healthz': operation('get_healthz', 'Reports that the process responds.', { 200: text('It responds.', 'OK') }),
  '/readyz': operation(
    'get_readyz',
    'Reports whether the job store is reachable, current, and agrees with BigQuery; not reachable from outside the network.',
    {
      200: text('It is.', 'OK'),
      503: text('It is not, with the reason.', 'The job store is unreachable.'),
    },
  ),
  '/metrics': operation('get_metrics', "Returns metrics in Prometheus's text format; not reachable from outside the network.", {
    200: text('The metrics.', 'sync_job_store_up 1'),
  }),
  '/openapi.json': operation('get_openapi_json', 'Returns this document.', {
    200: { description: 'The document.', content: { 'application/json': { schema: { type: 'object' } } } },
  }),
  '/docs': operation('get_docs', 'Shows this document as a page.', {
    200: { description: 'The page.', content: { 'text/html': { schema: { type: 'string' } } } },
  }),
};
