import { createJob } from '../actions/create-job.ts';
import { requireConnection } from '../actions/require-connection.ts';
import { warnOfRareTicks } from '../actions/warn-of-rare-ticks.ts';
import { OPTION_NAMES, optionTexts } from '../core/job-options.ts';
import { type Endpoint, requireObjectName } from './endpoint.ts';
import { readBoolean } from './fields.ts';

/**
 * Creates a job, or takes one over from another user of the org. The next tick starts importing. The contract's plain text has no room for
 * warnings: callers that prefer JSON get them.
 */
export const createImportingJob: Endpoint = {
  name: 'create_importing_job',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['user_id', 'object_name', 'start_date'],
  optional: [...OPTION_NAMES.filter((name) => name !== 'start_date'), 'take_over'],
  async handle(context, fields, caller, wantsJson) {
    const objectName = requireObjectName(fields.object_name!);
    const connection = await requireConnection(context, fields.user_id!);
    const request = {
      objectName,
      options: { ...optionTexts(fields), startDate: fields.start_date! },
      takeOver: readBoolean(fields, 'take_over') ?? false,
    };
    const { job, cost } = await createJob(context, connection, request, caller.name);
    const warning = await warnOfRareTicks(context, job);
    if (!wantsJson) return 'OK';
    const estimate = cost ? { calls_per_day: Math.ceil(cost.calls), bytes_billed_per_day: Math.ceil(cost.bytesBilled) } : null;
    return { ok: true, message: 'OK', warnings: warning ? [warning] : [], estimate };
  },
};
