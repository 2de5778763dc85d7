import * as z from 'zod';
import { type AuditRow, listChanges } from '../../store/audit.ts';
import { defineEndpoint } from '../endpoint.ts';
import { idPageFields, nextAfterId } from '../paging.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { instant, pageJson } from '../schemas/json.ts';

export const changeJson = z
  .strictObject({
    at: instant,
    by: z.string().meta({ description: 'The name of the API key, or what stands for one.' }),
    action: z.string().meta({ description: 'What was done, as the log names it.' }),
    job_id: z.nullable(z.uuid()),
    object_name: z.nullable(z.string()),
    run_id: z.nullable(z.uuid()),
    connection_id: z.nullable(z.int()),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Change', description: 'A change that a caller made.' });

/** Lists the changes that callers made, newest first, page by page. */
export const audit = defineEndpoint({
  name: 'v1/audit',
  methods: ['GET'],
  group: 'audit',
  summary: 'Lists the changes that callers made in the last 400 days, newest first.',
  roles: ['operate', 'admin'],
  request: z.object(idPageFields),
  response: pageJson('changes', changeJson),
  errors: [],
  example: {
    request: { limit: '1' },
    response: {
      changes: [
        {
          at: '2024-03-11T08:30:00.000Z',
          by: 'ops',
          action: 'job_paused',
          job_id: EXAMPLE.jobId,
          object_name: 'Account',
          run_id: null,
          connection_id: null,
          details: {},
        },
      ],
      next: 'NDI',
    },
  },
  async handle({ database }, { limit, after }) {
    const found = await listChanges(database, limit, after);
    return { changes: found.map(toChangeJson), next: nextAfterId({ limit }, found) };
  },
});

function toChangeJson({ at, by, action, jobId, objectName, runId, connectionId, details }: AuditRow): object {
  return { at, by, action, job_id: jobId, object_name: objectName, run_id: runId, connection_id: connectionId, details };
}
