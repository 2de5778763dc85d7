import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from '@jest/globals';

/** What cspell's flagWords, which are single whole words, cannot match. */
const FLAGGED = /\b(?:MOST|LONGEST)_|\basked[\s*/#]+for\b/gi;

/** This file, and the recorded answers of Google's analyzer. */
const EXEMPT = ['test/words.test.ts', 'test/conformance/answers.json'];

/** Hidden folders belong to tools, or contain this machine's state. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return /^\.(?!github|ci)|^node_modules$/.test(entry.name) ? [] : filesIn(join(folder, entry.name));
    return /\.(?:ts|cjs|mjs|md|sql|ya?ml|sh)$|^(?:Dockerfile|run)$/.test(entry.name) ? [join(folder, entry.name)] : [];
  });
}

test('limits are named MAX_, and "requested" is the word for what was asked', () => {
  const files = filesIn('.').filter((file) => !EXEMPT.includes(relative('.', file)));
  expect(files.length).toBeGreaterThan(400);
  const found = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(FLAGGED)].map(([text]) => `${file}: ${text}`));
  expect(found).toEqual([]);
});
