import { JOB_OPTIONS, type JobOptionTexts, type OptionProperty } from '../core/jobs/job-options.ts';
import { AppError } from '../errors.ts';

/** What the form of new jobs contains, in the address of its page and in what its button sends. */
export interface JobForm {
  /** the id of a connection; undefined: not chosen */
  connection: string | undefined;
  objects: readonly string[];
  /** as callers of the API write them; undefined: not specified */
  options: JobOptionTexts & { startDate: string };
  takeOver: boolean;
}

/** Each needs a few calls to Salesforce before the page can show its preview. */
const MAX_OBJECTS = 50;

/** The options that the form has, besides the start date. */
const FORM_OPTIONS = [
  'targetDataset',
  'every',
  'deletes',
  'history',
  'excludeFields',
  'hashFields',
  'newFields',
] as const satisfies readonly OptionProperty[];

/** Reads what a form or an address contains; what is invalid is found when it is used. */
export function readJobForm(fields: URLSearchParams): JobForm {
  const names = fields.getAll('object').filter((name) => /^\w{1,80}$/.test(name));
  const texts = FORM_OPTIONS.map((property) => [property, fields.get(JOB_OPTIONS[property].name)?.trim() || undefined]);
  return {
    connection: /^[1-9]\d{0,14}$/.exec(fields.get('connection') ?? '')?.[0],
    objects: [...new Map(names.map((name) => [name.toLowerCase(), name])).values()],
    options: { ...Object.fromEntries(texts), startDate: fields.get('start_date')?.trim() || 'all' },
    takeOver: fields.get('take_over') === 'true',
  };
}

/** Checks that there is something to preview or create. @throws AppError invalid_request */
export function requireObjects({ objects }: JobForm): void {
  if (objects.length === 0) throw new AppError('invalid_request', 'No object is selected. Select at least one.');
  if (objects.length > MAX_OBJECTS) {
    throw new AppError(
      'invalid_request',
      `${objects.length} objects are selected. Select at most ${MAX_OBJECTS}, and the others afterwards.`,
    );
  }
}

/** The form as fields of an address or of hidden inputs. */
export function jobFormFields({ connection, objects, options, takeOver }: JobForm): [string, string][] {
  const { startDate } = options;
  return [
    ...(connection ? [['connection', connection] as [string, string]] : []),
    ...objects.map((name): [string, string] => ['object', name]),
    ...(startDate === 'all' ? [] : [['start_date', startDate] as [string, string]]),
    ...specified(options),
    ...(takeOver ? [['take_over', 'true'] as [string, string]] : []),
  ];
}

/** The specified options besides the start date, by name. */
export function specified(options: JobOptionTexts): [string, string][] {
  return FORM_OPTIONS.flatMap((property): [string, string][] => {
    const text = options[property];
    return text === undefined ? [] : [[JOB_OPTIONS[property].name, text]];
  });
}
