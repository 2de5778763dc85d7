import { hashPrefix } from '../../core/fields/record-hash.ts';
import { quoteAnyName, quoteTable, quoteText, type TableName } from './quote.ts';

/** Sets columns of a table to NULL on all rows. Idempotent; counts the rows that had a value. @param columns at least one */
export function clearColumnsStatement(table: TableName, columns: readonly string[]): string {
  const names = columns.map(quoteAnyName);
  // Not `_synced_at`: the sweep that fills the columns again takes a row that was written after its request for a newer one.
  return `UPDATE ${quoteTable(table)} AS _target
SET ${names.map((name) => `${name} = NULL`).join(', ')}
WHERE ${names.map((name) => `_target.${name} IS NOT NULL`).join(' OR ')}`;
}

/** Deletes the invalid values of an object's columns. Idempotent. @param columns at least one */
export function clearInvalidValuesStatement(invalidValues: TableName, objectName: string, columns: readonly string[]): string {
  return `DELETE FROM ${quoteTable(invalidValues)}
WHERE \`object\` = ${quoteText(objectName)} AND \`column\` IN (${columns.map(quoteText).join(', ')})`;
}

/** A record whose Id is known by its hash alone. */
export interface HashedRecord {
  jobId: string;
  /** see core/fields/record-hash.ts */
  hash: string;
}

/** Records that are left out of every result. */
export interface Suppressed {
  jobId: string;
  /** see core/fields/record-hash.ts */
  hashes: readonly string[];
}

/** A clause that leaves out suppressed records; none if there are no such records. @param id an expression */
export function whereNotSuppressed(suppressed: Suppressed | undefined, id: string): string[] {
  if (!suppressed || suppressed.hashes.length === 0) return [];
  const { jobId, hashes } = suppressed;
  // A row without an Id stays, to be counted as unusable.
  return [`WHERE IFNULL(${hashOf(id, jobId)} NOT IN (${hashes.map(quoteText).join(', ')}), TRUE)`];
}

/** Deletes all rows of a record. Idempotent. Neither the statement nor its job contains the record's Id. */
export function eraseRecordStatement(table: TableName, { jobId, hash }: HashedRecord): string {
  return `DELETE FROM ${quoteTable(table)} WHERE ${hashOf('`Id`', jobId)} = ${quoteText(hash)}`;
}

/** Deletes the invalid values of a record. Idempotent. */
export function eraseRecordValuesStatement(invalidValues: TableName, objectName: string, { jobId, hash }: HashedRecord): string {
  return `DELETE FROM ${quoteTable(invalidValues)}
WHERE \`object\` = ${quoteText(objectName)} AND ${hashOf('`id`', jobId)} = ${quoteText(hash)}`;
}

/** The hash of an Id, as core/fields/record-hash.ts computes it. @param id an expression */
function hashOf(id: string, jobId: string): string {
  return `TO_HEX(SHA256(CONCAT(${quoteText(hashPrefix(jobId))}, ${id})))`;
}
