import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

/** A repository of releases, each with a job store test that checks which migrations it runs with. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'previous-release-'));
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const hasGit = spawnSync('git', ['--version']).status === 0;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function git(...command: string[]): string {
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];
  const { status, stdout, stderr } = spawnSync('git', [...author, ...command], { cwd: folder, encoding: 'utf8' });
  expect({ command, status, stderr: status === 0 ? '' : stderr }).toEqual({ command, status: 0, stderr: '' });
  return stdout.trim();
}

/** Commits a release whose job store test expects these migrations. @returns its hash */
function release(expected: string): string {
  write('package.json', '{}');
  write('test/jest.config.mjs', "export default { rootDir: '..' };");
  write('app/store/migrations/0001_first.sql', 'CREATE TABLE a ();');
  write(
    'test/app/store/schema.test.js',
    `test('schema', () => expect(require('fs').readdirSync('app/store/migrations').join()).toMatch(/${expected}/));`,
  );
  git('add', 'package.json', 'app', 'test');
  git('commit', '-qm', 'a release');
  return git('rev-parse', 'HEAD');
}

/** Commits the next release: a second migration, and a file that names the previous release. */
function nextRelease(previous: string): void {
  write('app/store/migrations/0002_second.sql', 'CREATE TABLE b ();');
  write('test/previous-release.txt', `${previous}\n`);
  git('add', 'app', 'test');
  git('commit', '-qm', 'the next release');
}

function runProgram(cwd = folder): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('test/previous-release.ts')], { cwd, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test.each([
  ['is missing', undefined],
  ['is empty', ''],
  ['names a tag', 'v1.0.0\n'],
])('fails if the file %s', (_, text) => {
  if (text !== undefined) write('test/previous-release.txt', text);
  expect(runProgram()).toEqual({ status: 1, output: expect.stringContaining('must contain the full hash') });
});

test('fails outside a repository', () => {
  write('test/previous-release.txt', `${'0'.repeat(40)}\n`);
  expect(runProgram()).toEqual({ status: 1, output: expect.stringContaining(`This clone lacks ${'0'.repeat(40)}`) });
});

(hasGit ? describe : describe.skip)('in a repository', () => {
  beforeEach(() => void git('init', '-q'));

  test('runs the job store tests of the previous release on the current migrations', () => {
    release('none: not the previous release');
    const previous = release('0001_first.sql,0002_second.sql');
    nextRelease(previous);
    expect(runProgram()).toMatchObject({ status: 0, output: expect.stringContaining(`of ${previous}, on the schema of this commit`) });
  });

  test('fails if the previous release does not work on the current schema', () => {
    nextRelease(release('^0001_first.sql$'));
    expect(runProgram()).toMatchObject({ status: 1, output: expect.stringContaining('schema.test.js') });
  });

  test('fails if a migration of the previous release changed', () => {
    const previous = release('0001_first.sql');
    nextRelease(previous);
    write('app/store/migrations/0001_first.sql', 'CREATE TABLE a (b text);');
    expect(runProgram()).toEqual({ status: 1, output: expect.stringContaining(`0001_first.sql changed since ${previous}`) });
  });

  test('fails in a shallow clone without the previous release, and says how to fetch it', () => {
    const previous = release('0001_first.sql');
    nextRelease(previous);
    git('clone', '-q', '--depth', '1', `file://${folder}`, 'shallow');
    const shallow = join(folder, 'shallow');
    symlinkSync(resolve('node_modules'), join(shallow, 'node_modules'));
    expect(runProgram(shallow)).toEqual({ status: 1, output: expect.stringContaining(`git fetch origin ${previous}`) });
    git('-C', 'shallow', 'fetch', '-q', '--depth', '1', 'origin', previous);
    expect(runProgram(shallow)).toMatchObject({ status: 0 });
  });
});
