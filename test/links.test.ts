import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';

const LINK = /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g;

/** GitHub's anchor of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading!));
}

test('every link in the documents leads to a file, and to a heading in it', () => {
  const documents = globSync(['*.md', '.github/*.md', '{app,infra,test}/**/*.md']);
  const links = documents.flatMap((document) =>
    [...readFileSync(document, 'utf8').matchAll(LINK)].map(([text, path, heading]) => ({
      where: `${document}: ${text}`,
      target: path ? join(dirname(document), path) : document,
      heading,
    })),
  );
  expect(links.length).toBeGreaterThan(100);
  const broken = links.filter(({ target, heading }) => {
    if (globSync(target).length === 0) return true;
    return heading !== undefined && !anchorsOf(target).includes(heading);
  });
  expect(broken.map(({ where }) => where)).toEqual([]);
});
