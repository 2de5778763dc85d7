import * as z from 'zod';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { RUN_KINDS } from '../../core/runs/pass.ts';
import { RUN_STATES } from '../../core/runs/run-state.ts';
import { listRuns } from '../../store/runs/run-list.ts';
import { defineEndpoint } from '../endpoint.ts';
import { nextAfter, pageFields } from '../paging.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { choice, jobId } from '../schemas/fields.ts';
import { pageJson } from '../schemas/json.ts';
import { listFilters, timeFilter } from '../schemas/list-filters.ts';
import { runOfJobExample, runOfJobJson } from '../schemas/run.ts';

/** Lists the runs of all jobs that match a filter page by page, the latest first. */
export const runs = defineEndpoint({
  name: 'v1/runs',
  methods: ['GET'],
  group: 'runs',
  summary: 'Lists the runs of all jobs page by page, the latest first.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({
    ...listFilters,
    job_id: z.optional(jobId),
    state: z.optional(choice('state', RUN_STATES, 'Only runs in this state.')),
    kind: z.optional(choice('kind', RUN_KINDS, 'Only runs of this kind.')),
    since: timeFilter('since', 'Only runs that were created then or later.', '2026-11-26'),
    until: timeFilter('until', 'Only runs that were created before then.', '2026-11-26T10:15:00Z'),
    ...pageFields,
  }),
  response: pageJson('runs', runOfJobJson),
  errors: ['not_found'],
  example: { request: { state: 'queued' }, response: { runs: [runOfJobExample()], next: null } },
  async handle(context, { connection, object_name, job_id, state, kind, since, until, ...page }) {
    const connectionId = connection === undefined ? undefined : (await requireConnection(context, connection, 'connection')).id;
    const filter = { connectionId, objectName: object_name, jobId: job_id, state, kind, since, until };
    const { runs: found, last } = await listRuns(context.database, filter, page);
    return { runs: found.map(toRunOfJobJson), next: nextAfter(page, found.length, last) };
  },
});
