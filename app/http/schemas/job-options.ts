import * as z from 'zod';
import { EVERY } from '../../core/jobs/every.ts';
import { ANY_DAY, JOB_OPTIONS, type OptionProperty } from '../../core/jobs/job-options.ts';
import { field, flag, optionalText, userId } from './fields.ts';

type OptionName = (typeof JOB_OPTIONS)[OptionProperty]['name'];
type About = Parameters<typeof field>[1];

/** An option as a caller writes it, with valid syntax. The action parses it: only the service knows its clock. */
function option(property: OptionProperty, about: About) {
  const parse = (text: string): string => {
    JOB_OPTIONS[property].parse(text, ANY_DAY);
    return text;
  };
  return z.optional(field(parse, about));
}

const EXAMPLE_LIST = 'SSN__c,Account.*_Secret__c';

/** What callers can specify about a job. */
const jobOptionFields = {
  start_date: option('startDate', {
    description: 'Rows stamped from this date on (UTC) are imported; all for every row.',
    example: '2024-03-10',
  }),
  dataset: optionalText('The dataset of the table, one of BIGQUERY_DATASETS; the first of them by default.', 'salesforce'),
  every: option('every', { description: 'How often windows close; those of a new job close daily by default.', enum: EVERY }),
  deletes: option('deletes', {
    description:
      'What happens to rows that are deleted in Salesforce: they keep their values (the default of a new job), lose them, or are removed.',
    enum: ['keep', 'blank', 'remove'],
  }),
  append_only: option('appendOnly', {
    description: 'Whether rows of the object are never edited. Only for objects without a stamp that changes with edits.',
    type: 'boolean',
  }),
  history: option('history', {
    description: 'Whether each version of a record is kept, in a table of versions; by default, none is.',
    type: 'boolean',
  }),
  exclude_fields: option('excludeFields', {
    description: 'Fields that are never read: names or patterns, separated by commas.',
    example: EXAMPLE_LIST,
  }),
  hash_fields: option('hashFields', {
    description: 'Fields of which only a hash is stored: names or patterns, separated by commas.',
    example: EXAMPLE_LIST,
  }),
  new_fields: option('newFields', {
    description: 'Whether fields that appear later are added (the default of a new job), or await approval.',
    enum: ['add', 'review'],
  }),
} satisfies Record<OptionName, z.ZodType>;

/** What the creation of a job requires and allows, beside its object. */
export const newJobFields = {
  user_id: userId,
  ...jobOptionFields,
  start_date: jobOptionFields.start_date.unwrap(),
  take_over: flag('take_over', 'Whether to take the job over although its connection is active.'),
};

/** Those that PATCH can change. */
export const changeableJobFields = z.object(jobOptionFields).omit({ dataset: true, append_only: true }).shape;

/** The options of an existing job, as JSON shows them. */
export const jobOptionsJson = {
  start_date: z.string().meta({ description: 'A date (UTC), or all.' }),
  dataset: z.string(),
  every: z.enum(EVERY),
  deletes: z.enum(['keep', 'blank', 'remove']),
  append_only: z.boolean(),
  history: z.boolean(),
  exclude_fields: z.array(z.string()),
  hash_fields: z.array(z.string()),
  new_fields: z.enum(['add', 'review']),
} satisfies Record<OptionName, z.ZodType>;
