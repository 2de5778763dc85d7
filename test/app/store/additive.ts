/**
 * What of a migration the release before it might not outlive: during a deploy both work on the new schema. Taken are new tables, new
 * columns that a row may come without, and indexes that refuse no row. Of a table that the same migration makes, anything is taken.
 * @returns the parts that are not taken
 */
export function notAdditive(migration: string): string[] {
  const statements = withoutComments(migration).split(';').map(squeeze).filter(Boolean);
  const made = new Set(statements.flatMap((statement) => /^CREATE TABLE (\w+) \(/.exec(statement)?.[1] ?? []));
  return statements.flatMap((statement) => refusedParts(statement, made));
}

function refusedParts(statement: string, made: Set<string>): string[] {
  if (/^CREATE TABLE \w+ \(/.test(statement)) return [];
  const index = /^CREATE (UNIQUE )?INDEX \w+ ON (\w+) /.exec(statement);
  if (index) return index[1] && !made.has(index[2]!) ? [statement] : [];
  const change = /^ALTER TABLE (\w+) (.*)$/.exec(statement);
  if (!change) return [statement];
  return made.has(change[1]!) ? [] : parts(change[2]!).filter((part) => !isNewColumn(part));
}

/** A column that every row has a value for, or need not have one. Its own CHECK or REFERENCES is met by what a row is given then. */
function isNewColumn(part: string): boolean {
  if (!/^ADD COLUMN \w+ /.test(part) || /\b(UNIQUE|PRIMARY KEY)\b/.test(part)) return false;
  return !/\bNOT NULL\b/.test(part) || /\bDEFAULT\b/.test(part);
}

/** Of a list, what stands between its commas, those in parentheses left alone. */
function parts(list: string): string[] {
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
