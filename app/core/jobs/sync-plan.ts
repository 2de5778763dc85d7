import { listFor } from '../fields/field-policy.ts';
import { nearest } from '../nearest.ts';
import { CHANGEABLE_NAMES, differingOptions, type JobOptions, type OptionValue, optionsJson, optionText } from './job-options.ts';
import { entryOf, type FileConnection, type FileEntry, isPattern, matchesPattern } from './sync-file.ts';

/** A job as the service shows it. */
export interface ExistingJob {
  id: string;
  objectName: string;
  active: boolean;
  options: Partial<JobOptions>;
}

/** An object of the org as the service lists it. */
export interface ListedObject {
  name: string;
  /** why it cannot be imported; null: nothing is known against it */
  reason: string | null;
}

/** An option that changes, by its name, as text. */
export interface OptionChange {
  name: string;
  from: string;
  to: string;
}

/** What a file requires for one object. */
export type Step = { objectName: string } & (
  | {
      kind: 'create';
      options: Record<string, OptionValue>;
      paused: boolean;
      /** whether the file names the object itself */
      named: boolean;
      /** why the object was refused before; null: it was not */
      doubt: string | null;
    }
  | { kind: 'change'; jobId: string; changes: readonly OptionChange[] }
  /** `missing`: because the file does not contain the job */
  | { kind: 'pause'; missing: boolean }
  | { kind: 'resume' }
  /** `leftPaused`: the job is paused, and the file does not say whether it should be */
  | { kind: 'unchanged'; leftPaused: boolean }
  /** the service has a job that the file does not contain */
  | { kind: 'missing'; active: boolean }
  /** the file wants what cannot be done */
  | { kind: 'refused'; reason: string }
  /** a pattern matches an object that cannot be imported */
  | { kind: 'left out'; reason: string }
);

/** What a file requires for a connection, in the order in which to do it. */
export interface ConnectionPlan {
  steps: readonly Step[];
  /** what may be a mistake in the file, in sentences */
  warnings: readonly string[];
}

/** The lists of fields that a connection's new jobs get besides their own. */
export interface DefaultLists {
  excludeFields: readonly string[];
  hashFields: readonly string[];
}

/**
 * Compares a connection's part of a file with what the service has.
 * @param defaults of the connection
 * @param objects of the org; undefined: not listed, because the file contains no pattern and each of its objects has a job
 * @param pauseMissing whether to pause jobs that the file does not contain
 */
export function planConnection(
  { entries }: FileConnection,
  defaults: DefaultLists,
  jobs: readonly ExistingJob[],
  objects: readonly ListedObject[] | undefined,
  pauseMissing: boolean,
): ConnectionPlan {
  const existing = jobs.flatMap((job) => {
    const entry = entryOf(entries, job.objectName);
    return entry ? planExisting(job, entry, defaults) : planMissing(job, pauseMissing);
  });
  const withJob = new Set(jobs.map(({ objectName }) => objectName.toLowerCase()));
  const created = (objects ?? []).filter(({ name }) => !withJob.has(name.toLowerCase())).flatMap((object) => planNew(object, entries));
  const known = new Set([...withJob, ...(objects ?? []).map(({ name }) => name.toLowerCase())]);
  const unknown = entries
    .filter(({ pattern }) => !isPattern(pattern) && !known.has(pattern.toLowerCase()))
    .map(({ pattern }) =>
      refuseUnknown(
        pattern,
        (objects ?? []).map(({ name }) => name),
      ),
    );
  return { steps: [...created, ...existing, ...unknown], warnings: objects ? warningsOf(entries, [...known]) : [] };
}

/** Whether the objects of the org must be known to plan these entries. */
export function needsObjects(entries: readonly FileEntry[], jobs: readonly ExistingJob[]): boolean {
  const withJob = new Set(jobs.map(({ objectName }) => objectName.toLowerCase()));
  return entries.some(({ pattern }) => isPattern(pattern) || !withJob.has(pattern.toLowerCase()));
}

function planExisting(job: ExistingJob, entry: FileEntry, defaults: DefaultLists): Step[] {
  const { objectName } = job;
  // A job has its connection's lists, too, which the file need not repeat.
  const differing = differingOptions(job.options, optionsFor(objectName, entry, defaults));
  const changes = Object.entries(optionsJson(differing)).map(([name, value]) => {
    const from = optionsJson(job.options)[name];
    return { name, from: from === undefined ? '' : optionText(from), to: optionText(value) };
  });
  const reason = refusal(job, differing, changes);
  const steps: Step[] = [];
  if (reason !== undefined) steps.push({ kind: 'refused', objectName, reason });
  else if (changes.length > 0) steps.push({ kind: 'change', objectName, jobId: job.id, changes });
  if (entry.paused !== undefined && entry.paused === job.active) {
    steps.push(entry.paused ? { kind: 'pause', objectName, missing: false } : { kind: 'resume', objectName });
  }
  return steps.length > 0 ? steps : [{ kind: 'unchanged', objectName, leftPaused: !job.active && entry.paused === undefined }];
}

/** Why a job cannot get these options; undefined: it can, as far as is known. */
function refusal({ options }: ExistingJob, { startDate }: Partial<JobOptions>, changes: readonly OptionChange[]): string | undefined {
  const fixed = changes.find(({ name }) => !CHANGEABLE_NAMES.includes(name));
  if (fixed) {
    return `${fixed.name} is ${fixed.from} and cannot become ${fixed.to}. Write ${fixed.from} in the file, or delete the job and apply again.`;
  }
  if (startDate && options.startDate && startDate > options.startDate) {
    const { from, to } = changes.find(({ name }) => name === 'start_date')!;
    return `start_date is ${from} and can only become earlier, not ${to}. Write ${from} in the file, or delete the job and apply again.`;
  }
  return undefined;
}

const NO_DEFAULTS: DefaultLists = { excludeFields: [], hashFields: [] };

/** What an entry wants of an object: of its lists of fields, what concerns the object. */
function optionsFor(objectName: string, { options }: FileEntry, defaults: DefaultLists): Partial<JobOptions> {
  const { excludeFields, hashFields } = options;
  return {
    ...options,
    ...(excludeFields && { excludeFields: listFor(objectName, excludeFields, defaults.excludeFields) }),
    ...(hashFields && { hashFields: listFor(objectName, hashFields, defaults.hashFields) }),
  };
}

function planMissing({ objectName, active }: ExistingJob, pauseMissing: boolean): Step {
  return pauseMissing && active ? { kind: 'pause', objectName, missing: true } : { kind: 'missing', objectName, active };
}

function planNew({ name, reason }: ListedObject, entries: readonly FileEntry[]): Step[] {
  const entry = entryOf(entries, name);
  if (!entry) return [];
  const named = !isPattern(entry.pattern);
  if (reason !== null && !named) return [{ kind: 'left out', objectName: name, reason }];
  const options = optionsJson(optionsFor(name, entry, NO_DEFAULTS));
  return [{ kind: 'create', objectName: name, options, paused: entry.paused ?? false, named, doubt: reason }];
}

function refuseUnknown(name: string, known: readonly string[]): Step {
  const meant = nearest(name, known);
  const reason = `The connection's user cannot see an object named ${name}.${meant ? ` Did you mean ${meant}?` : ''}`;
  return { kind: 'refused', objectName: name, reason };
}

/** Patterns that match no object are usually mistyped. */
function warningsOf(entries: readonly FileEntry[], names: readonly string[]): string[] {
  const matchesNone = (pattern: string): boolean => !names.some((name) => matchesPattern(name, pattern));
  return entries.flatMap(({ pattern, except }) => [
    ...(isPattern(pattern) && matchesNone(pattern) ? [`The pattern ${pattern} matches no object.`] : []),
    ...except.filter(matchesNone).map((each) => `${each}, an exception of ${pattern}, matches no object.`),
  ]);
}
