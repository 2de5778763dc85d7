import { parseNewFields, parsePatterns } from '../fields/field-policy.ts';
import { parseBoolean } from '../parse-boolean.ts';
import { parseDeletes } from './deletes.ts';
import { parseEvery } from './every.ts';
import { formatStartDate, parseStartDate } from './start-date.ts';

/** The value of an option in JSON and in YAML. */
export type OptionValue = string | boolean | readonly string[];

/** @typeParam Shown `never` in the table, where each option has a type of its own */
interface JobOption<Value, Shown = Value> {
  /** of its form field, its JSON property, and its key in a file */
  name: string;
  /** @param today for dates @throws AppError invalid_request */
  parse(text: string, today: Date): Value;
  toJson(value: Shown): OptionValue;
  /** whether PATCH can change it */
  changeable: boolean;
  /** that of a job whose creator did not specify it; absent: required, or chosen for its object */
  default?: Value;
}

/** A list of fields, as in core/fields/field-policy.ts. */
function patterns<Name extends 'exclude_fields' | 'hash_fields'>(name: Name) {
  const parse = (text: string): readonly string[] => parsePatterns(name, text);
  return { name, parse, toJson: (value: readonly string[]) => value, changeable: true, default: [] as readonly string[] } as const;
}

const asWritten = <Value extends string>(value: Value): Value => value;

/** What callers can specify about a job, by its property. Everything that reads, compares, shows or changes options goes through this table. */
export const JOB_OPTIONS = {
  startDate: { name: 'start_date', parse: parseStartDate, toJson: formatStartDate, changeable: true },
  targetDataset: { name: 'dataset', parse: (text: string) => text, toJson: asWritten, changeable: false },
  every: { name: 'every', parse: (text: string) => parseEvery(text), toJson: asWritten, changeable: true, default: 'day' },
  deletes: { name: 'deletes', parse: (text: string) => parseDeletes(text), toJson: asWritten, changeable: true, default: 'keep' },
  appendOnly: {
    name: 'append_only',
    parse: (text: string) => parseBoolean('append_only', text),
    toJson: (value: boolean) => value,
    changeable: false,
  },
  history: {
    name: 'history',
    parse: (text: string) => parseBoolean('history', text),
    toJson: (value: boolean) => value,
    changeable: true,
    default: false,
  },
  excludeFields: patterns('exclude_fields'),
  hashFields: patterns('hash_fields'),
  newFields: { name: 'new_fields', parse: (text: string) => parseNewFields(text), toJson: asWritten, changeable: true, default: 'add' },
} as const satisfies Record<string, JobOption<unknown, never>>;

type Table = typeof JOB_OPTIONS;
export type OptionProperty = keyof Table;

/** The options of a job. */
export type JobOptions = { -readonly [P in OptionProperty]: ReturnType<Table[P]['parse']> };

/** Those that PATCH can change. */
export type ChangeableOptions = Pick<
  JobOptions,
  { [P in OptionProperty]: Table[P]['changeable'] extends true ? P : never }[OptionProperty]
>;

type DefaultOptions = Pick<JobOptions, { [P in OptionProperty]: Table[P] extends { default: unknown } ? P : never }[OptionProperty]>;

/** Options as callers write them; undefined: not specified. */
export type JobOptionTexts = { [P in OptionProperty]?: string | undefined };

const ENTRIES = Object.entries(JOB_OPTIONS) as [OptionProperty, JobOption<unknown, never>][];

/** The names of all options. */
export const OPTION_NAMES: readonly string[] = ENTRIES.map(([, { name }]) => name);

/** The names of the options that PATCH can change. */
export const CHANGEABLE_NAMES: readonly string[] = ENTRIES.filter(([, { changeable }]) => changeable).map(([, { name }]) => name);

/** Their properties. */
export const CHANGEABLE_PROPERTIES = ENTRIES.filter(([, { changeable }]) => changeable).map(
  ([property]) => property as keyof ChangeableOptions,
);

/** The options of a job whose creator specified none, except those without a default. */
export const DEFAULT_OPTIONS = Object.fromEntries(
  ENTRIES.filter(([, option]) => 'default' in option).map(([property, option]) => [property, option.default]),
) as DefaultOptions;

/** The options among fields that have their names. */
export function optionTexts(fields: Readonly<Record<string, string | undefined>>): JobOptionTexts {
  return Object.fromEntries(ENTRIES.map(([property, { name }]) => [property, fields[name]]));
}

/** As `today`, allows every date: only the service knows its clock. */
export const ANY_DAY = new Date(8.64e15);

/** Parses the options that are specified. @param today for dates @throws AppError invalid_request */
export function parseOptions(texts: JobOptionTexts, today: Date): Partial<JobOptions> {
  return Object.fromEntries(
    ENTRIES.flatMap(([property, { parse }]) => {
      const text = texts[property];
      return text === undefined ? [] : [[property, parse(text, today)]];
    }),
  );
}

/** Options by name, as JSON and YAML have them. */
export function optionsJson(options: Partial<JobOptions>): Record<string, OptionValue> {
  return Object.fromEntries(
    ENTRIES.flatMap(([property, { name, toJson }]) => {
      const value = options[property];
      return value === undefined ? [] : [[name, toJson(value as never)]];
    }),
  );
}

/** The text of a value, as a form field has it. */
export function optionText(value: OptionValue): string {
  return typeof value === 'object' ? value.join(',') : String(value);
}

/** Whether two values mean the same: the order of a list, and the case of its entries, do not matter. */
export function isSameOption(value: OptionValue | undefined, other: OptionValue | undefined): boolean {
  if (typeof value !== 'object' || typeof other !== 'object') return value === other;
  const sorted = (list: readonly string[]): string =>
    list
      .map((each) => each.toLowerCase())
      .sort()
      .join();
  return sorted(value) === sorted(other);
}

/** The wanted options that differ from those of a job. */
export function differingOptions<Wanted extends Partial<JobOptions>>(job: Partial<JobOptions>, wanted: Wanted): Partial<Wanted> {
  const own = optionsJson(job);
  const other = optionsJson(wanted);
  const differing = ENTRIES.filter(([property, { name }]) => wanted[property] !== undefined && !isSameOption(own[name], other[name]));
  return Object.fromEntries(differing.map(([property]) => [property, wanted[property]])) as Partial<Wanted>;
}
