import * as z from 'zod';
import { writeDbtSources } from '../../actions/jobs/write-dbt-sources.ts';
import { defineEndpoint } from '../endpoint.ts';
import { optionalText } from '../schemas/fields.ts';

/** Returns the sources.yml of a dbt project. */
export const dbtSources = defineEndpoint({
  name: 'v1/dbt-sources',
  methods: ['GET'],
  group: 'sources for dbt',
  summary: 'Returns the sources.yml of a dbt project, with descriptions, tests and freshness.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ dataset: optionalText('One of BIGQUERY_DATASETS; absent: all of them.', 'salesforce') }),
  response: z.string(),
  errors: [],
  example: { request: {}, response: 'version: 2\nsources:\n  - name: salesforce\n' },
  handle: async (context, { dataset }) => await writeDbtSources(context, dataset),
});
