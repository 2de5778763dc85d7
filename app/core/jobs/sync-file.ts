import { isLike } from '../fields/field-policy.ts';
import type { JobOptions } from './job-options.ts';

/** Which jobs there should be, as a file says. */
export interface SyncFile {
  connections: readonly FileConnection[];
}

/** The jobs of a connection. */
export interface FileConnection {
  /** its alias, user_id or id */
  name: string;
  /** where the file names it */
  at: FilePosition;
  entries: readonly FileEntry[];
}

/** A place in a file; both count from 1. */
export interface FilePosition {
  line: number;
  column: number;
}

/** What the file says about one object, or about all that match a pattern. */
export interface FileEntry {
  /** an object's name, a pattern with *, or `all` */
  pattern: string;
  /** names and patterns of objects that it does not apply to */
  except: readonly string[];
  /** with the defaults of the file and of the connection; what is missing is left as it is */
  options: Partial<JobOptions> & Pick<JobOptions, 'startDate'>;
  /** undefined: left as it is */
  paused: boolean | undefined;
}

/** The pattern of all objects. */
export const ALL = 'all';

/** Whether an entry may apply to several objects. */
export function isPattern(pattern: string): boolean {
  return pattern === ALL || pattern.includes('*');
}

/** Whether a name matches a pattern, in any case. */
export function matchesPattern(name: string, pattern: string): boolean {
  if (pattern === ALL) return true;
  return isLike(pattern.toLowerCase().split('*'), name.toLowerCase());
}

/** The entry that applies to an object: its own, otherwise the first pattern that matches, otherwise `all`. */
export function entryOf(entries: readonly FileEntry[], objectName: string): FileEntry | undefined {
  const patterns = entries.filter(({ pattern }) => isPattern(pattern));
  return (
    entries.find(({ pattern }) => !isPattern(pattern) && pattern.toLowerCase() === objectName.toLowerCase()) ??
    patterns.find((entry) => entry.pattern !== ALL && applies(entry, objectName)) ??
    patterns.find((entry) => entry.pattern === ALL && applies(entry, objectName))
  );
}

function applies({ pattern, except }: FileEntry, objectName: string): boolean {
  return matchesPattern(objectName, pattern) && !except.some((other) => matchesPattern(objectName, other));
}
