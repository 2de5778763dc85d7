// The tables of error codes in app/README.md. Run directly, it writes them.
import { readFileSync, writeFileSync } from 'node:fs';
import { ERROR_GROUPS, type Recovery } from '../../app/errors.ts';

const README = 'app/README.md';
const TABLES = /(<!-- errors: .*?-->\n).*(<!-- \/errors -->)/s;

/** What each recovery is called in the manual. */
const RECOVERIES: Record<Recovery, string> = {
  retry: 'retried',
  defer: 'deferred',
  reauthorize: 'waits for a login',
  'give-up': 'stops',
};

/** The manual, and the same with the tables of the error codes that exist. */
export function readManual(): { text: string; current: string } {
  const text = readFileSync(README, 'utf8');
  return { text, current: text.replace(TABLES, (_, start: string, end: string) => `${start}\n${errorTables()}\n${end}`) };
}

function errorTables(): string {
  return Object.entries(ERROR_GROUPS)
    .map(([title, kinds]) => {
      const rows = Object.entries(kinds).map(
        ([code, { status, recovery, meaning, remedy }]) => `| \`${code}\` | ${status} | ${RECOVERIES[recovery]} | ${meaning} | ${remedy} |`,
      );
      return ['| Code | Status | Then | Meaning | What to do |', '| --- | --- | --- | --- | --- |', ...rows]
        .join('\n')
        .replace(/^/, `**${title}**\n\n`);
    })
    .join('\n\n')
    .concat('\n');
}

if (import.meta.main) writeFileSync(README, readManual().current);
