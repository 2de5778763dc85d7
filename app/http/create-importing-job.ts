import { createJob } from '../actions/create-job.ts';
import { type Endpoint, requireConnection, requireObjectName } from './endpoint.ts';
import { readBoolean } from './fields.ts';

/** Creates a job, or takes one over from another user of the org. The next tick starts importing. */
export const createImportingJob: Endpoint = {
  name: 'create_importing_job',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['user_id', 'object_name', 'start_date'],
  optional: ['dataset', 'deletes', 'append_only', 'take_over', 'every'],
  async handle(context, fields) {
    const objectName = requireObjectName(fields.object_name!);
    const connection = await requireConnection(context, fields.user_id!);
    await createJob(context, connection, {
      objectName,
      startDate: fields.start_date!,
      dataset: fields.dataset,
      deletes: fields.deletes,
      appendOnly: readBoolean(fields, 'append_only'),
      takeOver: readBoolean(fields, 'take_over') ?? false,
      every: fields.every,
    });
    return 'OK';
  },
};
