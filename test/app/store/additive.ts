/**
 * The parts of a migration that the previous release might not survive: during a deploy, both releases use the new schema. Allowed are new
 * tables, new columns that rows may omit, indexes that reject no row (such as a unique one on such a column, which the previous release leaves
 * empty), another list of values in a CHECK (migrations.test.ts compares the
 * lists: no value may be missing), and a unique index that replaces another, which must reject more rows (the previous release's own tests
 * run on the new schema). Anything is allowed on a table that the same migration creates.
 * @returns the parts that are not allowed
 */
export function notAdditive(migration: string): string[] {
  const statements = withoutComments(migration).split(';').map(squeeze).filter(Boolean);
  const created = new Set(statements.flatMap((statement) => /^CREATE TABLE (\w+) \(/.exec(statement)?.[1] ?? []));
  const replaced = statements.filter((statement) => /^DROP INDEX \w+$/.test(statement));
  const replacing = statements.filter((statement) => /^CREATE UNIQUE INDEX/.test(statement));
  const left = replaced.length === 1 && replacing.length === 1 ? [...replaced, ...replacing] : [];
  const empty = new Set(statements.flatMap(emptyColumns));
  return statements.filter((statement) => !left.includes(statement)).flatMap((statement) => rejectedParts(statement, created, empty));
}

/** The columns that a statement adds without a value, each as `table (column)`. */
function emptyColumns(statement: string): string[] {
  const [, table, parts] = /^ALTER TABLE (\w+) (.*)$/.exec(statement) ?? [];
  if (table === undefined) return [];
  const added = splitList(parts!).filter((part) => isOptionalColumn(part) && !/\bDEFAULT\b/.test(part));
  return added.map((part) => `${table} (${/^ADD COLUMN (\w+)/.exec(part)![1]})`);
}

function rejectedParts(statement: string, created: Set<string>, empty: Set<string>): string[] {
  if (/^CREATE TABLE \w+ \(/.test(statement)) return [];
  const index = /^CREATE (UNIQUE )?INDEX \w+ ON ((\w+) .*)$/.exec(statement);
  if (index) return index[1] && !created.has(index[3]!) && !empty.has(index[2]!) ? [statement] : [];
  const change = /^ALTER TABLE (\w+) (.*)$/.exec(statement);
  if (!change) return [statement];
  const parts = splitList(change[2]!);
  return created.has(change[1]!) ? [] : parts.filter((part) => !isOptionalColumn(part) && !replacesValueList(part, parts));
}

/** A part of a replaced CHECK on a column's list of values: it is dropped and added under the same name. */
function replacesValueList(part: string, parts: readonly string[]): boolean {
  const name = /^(?:DROP|ADD) CONSTRAINT (\w+)/.exec(part)?.[1];
  const added = new RegExp(`^ADD CONSTRAINT ${name} CHECK \\(\\w+ IN \\('\\w+'(, '\\w+')*\\)\\)$`);
  return (
    parts.includes(`DROP CONSTRAINT ${name}`) && parts.some((other) => added.test(other)) && (part.startsWith('DROP') || added.test(part))
  );
}

/** A new column that is nullable or has a default. Such a value also satisfies the column's own CHECK or REFERENCES. */
function isOptionalColumn(part: string): boolean {
  if (!/^ADD COLUMN \w+ /.test(part) || /\b(UNIQUE|PRIMARY KEY)\b/.test(part)) return false;
  return !/\bNOT NULL\b/.test(part) || /\bDEFAULT\b/.test(part);
}

/** Splits a list at its commas, except those within parentheses. */
function splitList(list: string): string[] {
  const found = [''];
  let depth = 0;
  for (const letter of list) {
    depth += { '(': 1, ')': -1 }[letter] ?? 0;
    if (letter === ',' && depth === 0) found.push('');
    else found[found.length - 1] += letter;
  }
  return found.map(squeeze);
}

function withoutComments(sql: string): string {
  return sql.replaceAll(/--.*$/gm, '');
}

function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
