import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

/** A repository whose releases have a migration each, and a test of the job store that knows which ones it is run with. */
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

function git(...command: string[]): void {
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false', '-c', 'tag.gpgsign=false'];
  const { status, stderr } = spawnSync('git', [...author, ...command], { cwd: folder, encoding: 'utf8' });
  expect({ command, status, stderr: status === 0 ? '' : stderr }).toEqual({ command, status: 0, stderr: '' });
}

/** Commits a release that takes these migrations, and no others. */
function release(tag: string, taken: string): void {
  write('package.json', '{}');
  write('test/jest.config.mjs', "export default { rootDir: '..' };");
  write('app/store/migrations/0001_first.sql', 'CREATE TABLE a ();');
  write(
    'test/app/store/schema.test.js',
    `test('schema', () => expect(require('fs').readdirSync('app/store/migrations').join()).toMatch(/${taken}/));`,
  );
  git('add', 'package.json', 'app', 'test');
  git('commit', '-qm', tag);
  git('tag', tag);
}

function runProgram(cwd = folder): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve('test/previous-release.ts')], { cwd, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test('where there is no release, or no history at all, the program says so, and nothing is wrong', () => {
  expect(runProgram()).toEqual({ status: 0, output: expect.stringContaining('There is no release before this commit') });
});

(hasGit ? test : test.skip)("the newest release's tests of the job store run on what the migrations are now", () => {
  git('init', '-q');
  release('v0.9.0', 'none: not the newest');
  release('v0.10.0', '0001_first.sql,0002_second.sql');
  write('app/store/migrations/0002_second.sql', 'CREATE TABLE b ();');
  git('add', 'app');
  git('commit', '-qm', 'next');
  expect(runProgram()).toMatchObject({ status: 0, output: expect.stringContaining('of v0.10.0, on the schema of this commit') });
});

(hasGit ? test : test.skip)('a release that does not work on it is told, and so is a migration of it that changed', () => {
  git('init', '-q');
  release('v1.0.0', '^0001_first.sql$');
  write('app/store/migrations/0002_second.sql', 'DROP TABLE a;');
  git('add', 'app');
  git('commit', '-qm', 'next');
  expect(runProgram()).toMatchObject({ status: 1, output: expect.stringContaining('schema.test.js') });
  write('app/store/migrations/0001_first.sql', 'CREATE TABLE a (b text);');
  expect(runProgram()).toEqual({ status: 1, output: expect.stringContaining('0001_first.sql of v1.0.0 changed since') });
});

(hasGit ? test : test.skip)('a clone that lacks history, and so may lack releases, is told how to get it, and is no success', () => {
  git('init', '-q', 'whole');
  for (const message of ['first', 'second']) git('-C', 'whole', 'commit', '-qm', message, '--allow-empty');
  git('clone', '-q', '--depth', '1', `file://${join(folder, 'whole')}`, 'shallow');
  const told = { status: 1, output: expect.stringContaining('git fetch --unshallow --tags') };
  expect(runProgram(join(folder, 'shallow'))).toEqual(told);
  git('-C', 'shallow', 'tag', 'v1.0.0');
  expect(runProgram(join(folder, 'shallow'))).toEqual(told);
  git('-C', 'shallow', 'fetch', '-q', '--unshallow', '--tags');
  expect(runProgram(join(folder, 'shallow'))).toMatchObject({ status: 0 });
});
