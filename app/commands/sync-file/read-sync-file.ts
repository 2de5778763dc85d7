import { forAnyObject } from '../../core/fields/field-policy.ts';
import { ANY_DAY, JOB_OPTIONS, type JobOptions, OPTION_NAMES, type OptionProperty } from '../../core/jobs/job-options.ts';
import { ALL, type FileConnection, type FileEntry, isPattern, type SyncFile } from '../../core/jobs/sync-file.ts';
import { isAppError } from '../../errors.ts';
import { type Entry, type Fault, FileReader } from './file-reader.ts';

/** Everything that is wrong with a file, a line each. */
export class SyncFileError extends Error {
  override readonly name = 'SyncFileError';

  constructor(file: string, faults: readonly Fault[]) {
    super(faults.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'));
  }
}

const PAUSED = 'paused';
const EXCEPT = 'except';
const OPTIONS = Object.entries(JOB_OPTIONS) as [OptionProperty, { name: string; parse(text: string, today: Date): unknown }][];

/**
 * Reads which jobs there should be.
 * @param file its name, for messages
 * @throws SyncFileError with all faults, each with its line and column
 */
export function readSyncFile(file: string, text: string): SyncFile {
  const reader = new FileReader(text);
  const connections = reader.faults.length > 0 ? [] : readConnections(reader);
  if (reader.faults.length > 0) throw new SyncFileError(file, reader.faults);
  return { connections };
}

function readConnections(reader: FileReader): FileConnection[] {
  const top = reader.known(reader.root, 'The file', ['defaults', 'connections']);
  const defaults = readDefaults(reader, top.get('defaults'));
  const connections = top.get('connections');
  if (!connections) {
    reader.fault(reader.root, 'The file lists no connections. Add connections:, then the alias of each, and its jobs.');
    return [];
  }
  return reader.entries(connections.value, 'connections', connections.keyNode).map(({ key, keyNode, value }) => {
    const parts = reader.known(value, `The connection ${key}`, ['defaults', 'jobs']);
    const own = { ...defaults, ...readDefaults(reader, parts.get('defaults')) };
    const jobs = parts.get('jobs');
    const entries = jobs ? reader.entries(jobs.value, 'jobs', jobs.keyNode).flatMap((entry) => readEntry(reader, entry, own)) : [];
    requireDistinct(reader, jobs, entries);
    return { name: key, at: reader.positionOf(keyNode), entries };
  });
}

function readDefaults(reader: FileReader, defaults: Entry | undefined): Partial<JobOptions> {
  return defaults ? withSharedLists(readOptions(reader, reader.known(defaults.value, 'defaults', OPTION_NAMES))) : {};
}

/** Of several objects, some lack a field that a list names. */
function withSharedLists({ excludeFields, hashFields, ...others }: Partial<JobOptions>): Partial<JobOptions> {
  return {
    ...others,
    ...(excludeFields && { excludeFields: forAnyObject(excludeFields) }),
    ...(hashFields && { hashFields: forAnyObject(hashFields) }),
  };
}

function readEntry(reader: FileReader, { key, keyNode, value }: Entry, defaults: Partial<JobOptions>): FileEntry[] {
  if (key !== ALL && !/^(?=.*[A-Za-z*])[A-Za-z*][\w*]{0,79}$/.test(key)) {
    reader.fault(
      keyNode,
      `${JSON.stringify(key)} must be an object's API name, for example Invoice__c, a pattern such as "Invoice*", or all.`,
    );
    return [];
  }
  const keys = [...OPTION_NAMES, PAUSED, ...(isPattern(key) ? [EXCEPT] : [])];
  const found = reader.known(value, key, keys);
  const own = readOptions(reader, found);
  const { startDate, ...options } = { ...defaults, ...(isPattern(key) ? withSharedLists(own) : own) };
  const except = found.get(EXCEPT);
  const paused = found.get(PAUSED);
  const entry = { pattern: key, except: except ? (reader.texts(except) ?? []) : [], paused: paused && readPaused(reader, paused) };
  if (startDate) return [{ ...entry, options: { ...options, startDate } }];
  if (!found.has(JOB_OPTIONS.startDate.name)) {
    reader.fault(keyNode, `${key} has no start_date. Add one here or under defaults, for example start_date: 2024-01-01, or all.`);
  }
  return [];
}

function readOptions(reader: FileReader, found: ReadonlyMap<string, Entry>): Partial<JobOptions> {
  return Object.fromEntries(
    OPTIONS.flatMap(([property, { name, parse }]) => {
      const entry = found.get(name);
      const texts = entry && reader.texts(entry);
      if (!texts) return [];
      try {
        return [[property, parse(texts.join(','), ANY_DAY)]];
      } catch (error) {
        if (!isAppError(error)) throw error;
        reader.fault(entry.value, error.message);
        return [];
      }
    }),
  );
}

function readPaused(reader: FileReader, entry: Entry): boolean | undefined {
  const [text] = reader.texts(entry) ?? [];
  if (text !== undefined && text !== 'true' && text !== 'false') reader.fault(entry.value, 'paused must be true or false.');
  return text === undefined ? undefined : text === 'true';
}

/** YAML itself rejects equal keys; Salesforce ignores the case of names. */
function requireDistinct(reader: FileReader, jobs: Entry | undefined, entries: readonly FileEntry[]): void {
  const seen = new Set<string>();
  for (const { pattern } of entries) {
    const name = pattern.toLowerCase();
    if (seen.has(name)) reader.fault(jobs!.keyNode, `${pattern} occurs twice, in different spellings. Remove one of them.`);
    seen.add(name);
  }
}
