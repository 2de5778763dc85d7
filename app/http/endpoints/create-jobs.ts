import * as z from 'zod';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { createJobs, type JobCreation } from '../../actions/jobs/create-jobs.ts';
import { optionTexts } from '../../core/jobs/job-options.ts';
import { AppError } from '../../errors.ts';
import { SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { field, parseObjectName } from '../schemas/fields.ts';
import { estimateJson } from '../schemas/job.ts';
import { newJobFields } from '../schemas/job-options.ts';
import { count, errorJson } from '../schemas/json.ts';

/** A caller waits for the response, and each object takes up to a second. */
const MAX_OBJECTS = 100;

const createdJson = z.strictObject({
  object_name: z.string(),
  outcome: z.enum(['created', 'existed', 'taken_over', 'refused']),
  job_id: z.nullable(z.uuid()),
  warnings: z.array(z.string()),
  estimate: estimateJson,
  error: z.nullable(errorJson).meta({ description: 'Why it was refused.' }),
});

/** Creates jobs for several objects. The response is a success even if all of them are refused, like a multi-status. */
export const jobsCreation = defineEndpoint({
  name: 'v1/jobs',
  methods: ['POST'],
  group: 'jobs',
  summary: 'Creates jobs for several objects with the same options; an object that is refused does not stop the others.',
  roles: ['operate', 'admin'],
  request: z.object({
    object_names: field(parseObjectNames, {
      description: `The API names of up to ${MAX_OBJECTS} objects, separated by commas.`,
      example: 'Account,Contact,Invoice__c',
    }),
    ...newJobFields,
  }),
  response: z.strictObject({
    created: count,
    existed: count,
    taken_over: count,
    refused: count,
    jobs: z.array(createdJson).meta({ description: 'What became of each object, in the order of the request.' }),
  }),
  errors: ['not_found', ...SALESFORCE_ERRORS],
  example: {
    request: { user_id: EXAMPLE.userId, object_names: 'Account,AppDefinition', start_date: '2024-03-10' },
    response: {
      created: 1,
      existed: 0,
      taken_over: 0,
      refused: 1,
      jobs: [
        {
          object_name: 'Account',
          outcome: 'created',
          job_id: EXAMPLE.jobId,
          warnings: [],
          estimate: { calls_per_day: 3, bytes_billed_per_day: 20_971_520 },
          error: null,
        },
        {
          object_name: 'AppDefinition',
          outcome: 'refused',
          job_id: null,
          warnings: [],
          estimate: null,
          error: {
            code: 'invalid_request',
            message: 'AppDefinition cannot be imported because its rows have no Ids of their own. Choose another object.',
          },
        },
      ],
    },
  },
  async handle(context, { user_id, object_names, take_over = false, ...texts }, caller, _wantsJson, closed) {
    const connection = await requireConnection(context, user_id);
    const options = { options: { ...optionTexts(texts), startDate: texts.start_date }, takeOver: take_over };
    const jobs = await createJobs(context, connection, object_names, options, caller.name, closed);
    const outcomes = Map.groupBy(jobs, ({ outcome }) => outcome);
    const count = (outcome: JobCreation['outcome']): number => outcomes.get(outcome)?.length ?? 0;
    return {
      created: count('created'),
      existed: count('existed'),
      taken_over: count('taken_over'),
      refused: count('refused'),
      jobs: jobs.map(toCreationJson),
    };
  },
});

function toCreationJson(creation: JobCreation): object {
  const { objectName, outcome } = creation;
  const named = { object_name: objectName, outcome };
  if (outcome === 'refused') {
    const { code, message } = creation.error;
    return { ...named, job_id: null, warnings: [], estimate: null, error: { code, message } };
  }
  const { job, cost, warning } = creation;
  const estimate = cost ? { calls_per_day: Math.ceil(cost.calls), bytes_billed_per_day: Math.ceil(cost.bytesBilled) } : null;
  return { ...named, job_id: job.id, warnings: warning ? [warning] : [], estimate, error: null };
}

/** Each once, whatever its case. @throws AppError invalid_request */
function parseObjectNames(text: string): string[] {
  const names = text.split(',').flatMap((name) => name.trim() || []);
  const distinct = [...new Map(names.map((name) => [parseObjectName(name).toLowerCase(), name])).values()];
  if (distinct.length >= 1 && distinct.length <= MAX_OBJECTS) return distinct;
  throw new AppError(
    'invalid_request',
    `object_names must be 1 to ${MAX_OBJECTS} API names, separated by commas, for example Account,Contact.`,
  );
}
