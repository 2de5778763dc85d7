import { appStatements, mistakenStatements } from './app-statements.ts';
import type { GoogleSql } from './google-sql.ts';
import type { LocalBigQuery } from './local-big-query.ts';
import type { Schema } from './schemas.ts';
import type { Verdict } from './tally.ts';

/** Analyzes all statements of the app for a table of this schema, then runs the same as dry runs in the emulators. */
export async function compareStatements(googleSql: GoogleSql, local: LocalBigQuery, schema: Schema, verdict: Verdict): Promise<void> {
  const statements = appStatements(schema);
  for (const { sql, tables, columns: expected } of statements) {
    verdict.statements += 1;
    const columns = await googleSql.analyze(sql, tables).catch((error: Error) => verdict.differs('GoogleSQL rejects', error.message, sql));
    if (expected && columns && JSON.stringify(columns) !== JSON.stringify(expected))
      verdict.differs('other columns', JSON.stringify(columns), sql);
  }
  for (const { sql, message } of await local.refusals(statements)) verdict.differs('the emulators reject', message, sql);
}

/** Neither the analyzer nor the emulator may accept a mistake. */
export async function compareMistakes(googleSql: GoogleSql, local: LocalBigQuery, schema: Schema, verdict: Verdict): Promise<void> {
  for (const { sql, tables } of mistakenStatements(schema)) {
    verdict.statements += 1;
    const columns = await googleSql.analyze(sql, tables).catch(() => undefined);
    if (columns) verdict.differs('GoogleSQL accepts', 'a mistaken statement', sql);
    const refused = await local.refusals([{ sql, tables }]);
    if (refused.length === 0) verdict.differs('the emulators accept', 'a statement that GoogleSQL rejects', sql);
  }
}
