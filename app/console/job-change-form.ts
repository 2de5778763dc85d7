import type { JobChangeRequest } from '../actions/jobs/plan-job-change.ts';
import { CHANGEABLE_PROPERTIES, type ChangeableOptions, JOB_OPTIONS, type JobOptions, optionsJson } from '../core/jobs/job-options.ts';
import { isAppError } from '../errors.ts';
import { readSubmittedField, shownField } from './submitted-field.ts';

export type ChangeableProperty = keyof ChangeableOptions;

/** The changeable options as texts, as the form shows them: lists with spaces, the start date `all` empty. */
export type ChangeTexts = Record<ChangeableProperty, string>;

/** What the form contains. */
export interface JobChangeForm {
  texts: ChangeTexts;
  /** those that differ from the job's, as callers of the API write them */
  request: JobChangeRequest;
  /** those of the request that another operator has changed since the form was shown */
  overtaken: readonly ChangeableProperty[];
}

/** What is wrong with the form, by the property that it concerns; `form`: with all of it. */
export type Faults = ReadonlyMap<ChangeableProperty | 'form', string>;

/** What the form shows at first. */
export function textsOf(job: JobOptions): ChangeTexts {
  const values = optionsJson(job);
  return Object.fromEntries(
    CHANGEABLE_PROPERTIES.map((property) => {
      const value = values[JOB_OPTIONS[property].name]!;
      return [property, typeof value === 'object' ? value.join(', ') : property === 'startDate' && value === 'all' ? '' : String(value)];
    }),
  ) as ChangeTexts;
}

/** Reads the form, or an address that contains some of its fields. */
export function readJobChange(job: JobOptions, submitted: URLSearchParams): JobChangeForm {
  const before = textsOf(job);
  const fields = new URLSearchParams(submitted);
  if (fields.get('start_date')?.trim() === 'all') fields.set('start_date', '');
  const read = CHANGEABLE_PROPERTIES.map((property) => ({
    property,
    ...readSubmittedField(fields, JOB_OPTIONS[property].name, before[property]),
  }));
  const changed = read.filter(({ isChanged }) => isChanged);
  return {
    texts: Object.fromEntries(read.map(({ property, text }) => [property, text])) as ChangeTexts,
    request: Object.fromEntries(changed.map(({ property, text }) => [property, property === 'startDate' && !text ? 'all' : text])),
    overtaken: changed.filter(({ isOvertaken }) => isOvertaken).map(({ property }) => property),
  };
}

/** Hidden fields for a form with these options: what they are now. */
export function shownOptions(job: JobOptions, properties: readonly ChangeableProperty[]): [string, string][] {
  const texts = textsOf(job);
  return properties.map((property) => shownField(JOB_OPTIONS[property].name, texts[property]));
}

/** The changed options by the names of their fields, for an address, a form or a call. */
export function changedFields({ request }: JobChangeForm): [string, string][] {
  return CHANGEABLE_PROPERTIES.flatMap((property): [string, string][] => {
    const text = request[property];
    return text === undefined ? [] : [[JOB_OPTIONS[property].name, text]];
  });
}

/** Which options another operator has changed as well since the form was shown, each with its value now. */
export function findOvertaken(job: JobOptions, { overtaken }: JobChangeForm): Faults {
  const now = textsOf(job);
  return new Map(
    overtaken.map((property): [ChangeableProperty, string] => {
      const value = now[property] || (property === 'startDate' ? 'every row' : 'empty');
      return [property, `Another operator has changed this to ${value} since you opened the form. Review again to replace it.`];
    }),
  );
}

/** What is wrong with each option by itself. @param today for dates */
export function findFaults({ request }: JobChangeForm, today: Date): Faults {
  return new Map(
    CHANGEABLE_PROPERTIES.flatMap((property): [ChangeableProperty, string][] => {
      const text = request[property];
      try {
        if (text !== undefined) JOB_OPTIONS[property].parse(text, today);
        return [];
      } catch (error) {
        if (!isAppError(error)) throw error;
        return [[property, error.message]];
      }
    }),
  );
}

/** What refuses a change, at the option that its message names. */
export function toFaults({ request }: JobChangeForm, message: string): Faults {
  const changed = CHANGEABLE_PROPERTIES.filter((property) => request[property] !== undefined);
  const named = changed.filter((property) => new RegExp(`\\b${JOB_OPTIONS[property].name}\\b`).test(message));
  return new Map([[named.length === 1 ? named[0]! : 'form', message]]);
}
