import { AppError } from '../../errors.ts';
import type { DescribedField, FieldColumn } from './columns.ts';
import { CREATED_DATE } from './cursor.ts';

/** Whether a field that appears later is read by itself, or only once it is approved. */
export type NewFields = 'add' | 'review';

/**
 * Which fields a job reads, and how. The lists contain names and patterns: `SSN__c`, `Account.SSN__c`, `*.SSN__c`, `Account.*_Secret__c`;
 * `*` stands for any text, and case does not matter. A field in both lists is excluded.
 */
export interface FieldPolicy {
  /** never requested from Salesforce */
  readonly excludeFields: readonly string[];
  /** only their hash reaches the target table */
  readonly hashFields: readonly string[];
  readonly newFields: NewFields;
}

/** What the new jobs of a connection get besides their own lists. */
export interface DefaultPolicy extends Omit<FieldPolicy, 'newFields'> {
  /** null: add */
  readonly newFields: NewFields | null;
}

/** The properties of a job that decide which fields it reads. */
export interface FieldsOfJob extends FieldPolicy {
  readonly objectName: string;
  readonly cursorField: string | null;
  /** the fields that it may read; null: all, because new ones are not reviewed */
  readonly approvedFields: readonly string[] | null;
}

/** The names of a policy's lists in requests and responses. */
export type ListName = 'exclude_fields' | 'hash_fields' | 'approve_fields';

/** More would slow down every run. */
const MAX_PATTERNS = 500;

const PART = '[A-Za-z0-9_*]{1,80}';
const PATTERN = new RegExp(`^(?:${PART}\\.)?${PART}$`);

/** Reads a comma-separated list of names and patterns; an empty text is an empty list. @throws AppError invalid_request */
export function parsePatterns(name: ListName, text: string): string[] {
  const written = text.split(',').flatMap((part) => part.trim() || []);
  const invalid = written.find((pattern) => !PATTERN.test(pattern));
  if (invalid !== undefined) {
    throw new AppError(
      'invalid_request',
      `${name} must be a comma-separated list of field names or patterns, for example SSN__c, Account.Rating or *.*_Secret__c.`,
    );
  }
  const patterns = unite(written, []);
  if (patterns.length <= MAX_PATTERNS) return patterns;
  throw new AppError('invalid_request', `${name} may have up to ${MAX_PATTERNS} entries. Use patterns.`);
}

/** @throws AppError invalid_request */
export function parseNewFields(text: string): NewFields {
  if (text === 'add' || text === 'review') return text;
  throw new AppError('invalid_request', 'new_fields must be add or review.');
}

/** The policy of a new job: what its creator wants, and the defaults of its connection that concern its object. */
export function policyOf(objectName: string, wanted: Partial<FieldPolicy>, defaults: DefaultPolicy): FieldPolicy {
  const list = (own: readonly string[] = [], more: readonly string[]): string[] =>
    unite(
      own,
      more.filter((pattern) => concernsObject(pattern, objectName)),
    );
  return {
    excludeFields: list(wanted.excludeFields, defaults.excludeFields),
    hashFields: list(wanted.hashFields, defaults.hashFields),
    newFields: wanted.newFields ?? defaults.newFields ?? 'add',
  };
}

/** The entries of a list that concern an object, and those of its connection's defaults, as `policyOf` stores them. */
export function listFor(objectName: string, list: readonly string[], defaults: readonly string[]): string[] {
  return policyOf(objectName, {}, { excludeFields: [...defaults, ...list], hashFields: [], newFields: null }).excludeFields as string[];
}

/** A list that is meant for several objects, of which some may lack a field: a name applies where there is such a field. */
export function forAnyObject(list: readonly string[]): string[] {
  return list.map((pattern) => (/[.*]/.test(pattern) ? pattern : `*.${pattern}`));
}

/** Whether a list contains all entries of another one. */
export function containsAll(list: readonly string[], others: readonly string[]): boolean {
  const known = new Set(list.map((pattern) => pattern.toLowerCase()));
  return others.every((pattern) => known.has(pattern.toLowerCase()));
}

function unite(list: readonly string[], others: readonly string[]): string[] {
  return [...new Map([...others, ...list].map((pattern) => [pattern.toLowerCase(), pattern])).values()];
}

/** Whether any entry of a list matches a field of an object. */
function matcherOf(patterns: readonly string[], objectName: string): (field: string) => boolean {
  const names = patterns
    .filter((pattern) => concernsObject(pattern, objectName))
    .map((pattern) => pattern.split('.').at(-1)!.toLowerCase());
  const exact = new Set(names);
  const parts = names.flatMap((name) => (name.includes('*') ? [name.split('*')] : []));
  return (field) => {
    const name = field.toLowerCase();
    return exact.has(name) || parts.some((each) => isLike(each, name));
  };
}

function concernsObject(pattern: string, objectName: string): boolean {
  const [object] = pattern.toLowerCase().split('.');
  return !pattern.includes('.') || object === objectName.toLowerCase() || isLike(object!.split('*'), objectName.toLowerCase());
}

/**
 * Whether a text contains the parts of a pattern between its stars. Without a regular expression, which could take time exponential in the
 * number of stars.
 */
export function isLike(parts: readonly string[], text: string): boolean {
  const [first = '', ...others] = parts;
  const last = others.pop();
  if (last === undefined) return text === first;
  let from = first.length;
  for (const part of others) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return text.startsWith(first) && text.endsWith(last) && from + last.length <= text.length;
}

/** Fields without which rows could not be matched, ordered, placed or marked as deleted. */
function protectedFields(cursorField: string | null): string[] {
  return ['Id', 'IsDeleted', CREATED_DATE, ...(cursorField === null ? [] : [cursorField])];
}

/** Whether a field can be excluded or hashed. */
export function canBeListed(field: string, cursorField: string | null): boolean {
  return !protectedFields(cursorField).includes(field);
}

/**
 * Checks a list of a job against the fields of its object.
 * @param list `own`: the entries that its caller added, of which a name, unlike a pattern, must match a field; `all`: with its other ones
 * @throws AppError invalid_request
 */
export function requireApplicable(
  name: ListName,
  { own, all }: { own: readonly string[]; all: readonly string[] },
  { objectName, cursorField }: Pick<FieldsOfJob, 'objectName' | 'cursorField'>,
  fields: readonly DescribedField[],
): void {
  requireUnprotected(name, all, objectName, protectedFields(cursorField));
  for (const pattern of all) {
    if (pattern.includes('*')) continue;
    const isMatch = matcherOf([pattern], objectName);
    const found = fields.find((field) => isMatch(field.name));
    if (!found && own.includes(pattern)) {
      throw new AppError(
        'invalid_request',
        `${name} contains ${pattern}, but the connection's user sees no such field of ${objectName}. Correct the name; for a field that may appear later, use a pattern such as *.${pattern.split('.').at(-1)}.`,
      );
    }
    if (found && ['address', 'location'].includes(found.type)) {
      throw new AppError(
        'invalid_request',
        `${name} contains ${found.name}, a compound field, which is never read itself. List its parts, which are fields of their own, for example ${found.name.replace(/(Address)?(__c)?$/, '')}*.`,
      );
    }
  }
}

/** Checks a list that may concern any object. @throws AppError invalid_request */
export function requireUnprotectedAnywhere(name: ListName, patterns: readonly string[]): void {
  requireUnprotected(name, patterns, undefined, protectedFields(null));
}

/** @param objectName undefined: any */
function requireUnprotected(name: ListName, patterns: readonly string[], objectName: string | undefined, fields: readonly string[]): void {
  for (const pattern of patterns) {
    const field = fields.find(matcherOf([pattern], objectName ?? pattern.split('.')[0]!));
    if (field === undefined) continue;
    throw new AppError(
      'invalid_request',
      `${name} contains ${pattern}, which matches ${field}. Rows are matched, ordered or marked as deleted by this field, so it can be neither excluded nor hashed. Use a narrower pattern.`,
    );
  }
}

/** What a policy does with a field. */
type Treatment = 'read' | 'hashed' | 'excluded' | 'pending';

/** What the policy of a job does with a field, whatever the field's type. */
export function treatmentsOf({
  objectName,
  cursorField,
  excludeFields,
  hashFields,
  approvedFields,
}: FieldsOfJob): (field: string) => Treatment {
  const [isExcluded, isHashed] = [matcherOf(excludeFields, objectName), matcherOf(hashFields, objectName)];
  const isApproved = approvedFields && matcherOf([...approvedFields, ...protectedFields(cursorField)], objectName);
  return (field) => {
    if (isExcluded(field)) return 'excluded';
    if (isApproved?.(field) === false) return 'pending';
    return isHashed(field) ? 'hashed' : 'read';
  };
}

/**
 * Applies a job's policy to the columns of its object: without the excluded ones, and with those to hash as STRING.
 * @param salt distinguishes the salt of hashes; undefined: it is not set
 * @returns also the fields that await approval, which are left out
 */
export function applyPolicy(
  columns: readonly FieldColumn[],
  job: FieldsOfJob,
  salt: string | undefined,
): { columns: FieldColumn[]; pending: string[] } {
  const treatment = treatmentsOf(job);
  const treated = columns.map((column) => ({ column, treatment: treatment(column.field) }));
  return {
    columns: treated.flatMap(({ column, treatment }) =>
      treatment === 'hashed' ? hashedColumn(column, salt) : treatment === 'read' ? column : [],
    ),
    pending: treated.flatMap(({ column, treatment }) => (treatment === 'pending' ? column.field : [])),
  };
}

/** The columns whose values all of these policies read as they are: none excludes or hashes them, or has them await approval. */
export function columnsInClear(columns: readonly FieldColumn[], jobs: readonly FieldsOfJob[]): FieldColumn[] {
  const treatments = jobs.map(treatmentsOf);
  return columns.filter(({ field }) => treatments.every((treatment) => treatment(field) === 'read'));
}

function hashedColumn({ type, ...column }: FieldColumn, salt: string | undefined): FieldColumn {
  return { ...column, type: 'STRING', hashed: type, ...(salt !== undefined && { salt }) };
}

/**
 * The fields whose values in a job's tables a change of its policy makes wrong, and those of them that the job still reads.
 * @param fields those of the object now
 * @param recorded those that have had a column. One that awaits approval may have been read before it was hidden and the review started
 */
export function clearedFields(
  before: FieldsOfJob,
  after: FieldsOfJob,
  fields: readonly string[],
  recorded: readonly string[],
): { clear: string[]; refill: string[] } {
  const isRead = (treatment: Treatment): boolean => treatment === 'read' || treatment === 'hashed';
  const [earlier, later] = [treatmentsOf(before), treatmentsOf(after)];
  const known = new Set(recorded);
  const changed = [...new Set([...fields, ...recorded])].flatMap((field) => {
    const was = known.has(field) && earlier(field) === 'pending' ? 'read' : earlier(field);
    const is = later(field);
    return isRead(was) && is !== 'pending' && is !== was ? [{ field, is }] : [];
  });
  return { clear: changed.map(({ field }) => field), refill: changed.flatMap(({ field, is }) => (isRead(is) ? field : [])) };
}

/** The fields of an object that entries of a list match, and the entries that match none. */
export function matchingFields(
  patterns: readonly string[],
  objectName: string,
  fields: readonly string[],
): { found: string[]; unknown: string[] } {
  return {
    found: fields.filter(matcherOf(patterns, objectName)),
    unknown: patterns.filter((pattern) => !fields.some(matcherOf([pattern], objectName))),
  };
}
