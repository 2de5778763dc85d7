import { writeDbtSources } from '../actions/write-dbt-sources.ts';
import type { Endpoint } from './endpoint.ts';

/** Returns the sources.yml of a dbt project. */
export const dbtSources: Endpoint = {
  name: 'v1/dbt-sources',
  methods: ['GET'],
  roles: ['read', 'data', 'operate', 'admin'],
  required: [],
  optional: ['dataset'],
  handle: async (context, { dataset }) => await writeDbtSources(context, dataset),
};
