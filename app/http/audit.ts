import { type AuditRow, listChanges } from '../store/audit.ts';
import type { Endpoint } from './endpoint.ts';
import { encodeAfter, PAGING_FIELDS, readAfter, readLimit } from './paging.ts';

/** Lists the changes that callers made, newest first, page by page. */
export const audit: Endpoint = {
  name: 'v1/audit',
  methods: ['GET'],
  roles: ['operate', 'admin'],
  required: [],
  optional: PAGING_FIELDS,
  async handle({ database }, fields) {
    const limit = readLimit(fields.limit);
    const [before] = readAfter(fields.after, /^[1-9]\d{0,14}$/) ?? [];
    const found = await listChanges(database, limit, before === undefined ? undefined : Number(before));
    const last = found.at(-1);
    return { changes: found.map(toChangeJson), next: last && found.length === limit ? encodeAfter(String(last.id)) : null };
  },
};

function toChangeJson({ at, by, action, jobId, objectName, runId, connectionId, details }: AuditRow): object {
  return { at, by, action, job_id: jobId, object_name: objectName, run_id: runId, connection_id: connectionId, details };
}
