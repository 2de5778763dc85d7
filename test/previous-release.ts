// Holds the schema against the release before this one, which works on it while a deploy is under way: that release's own tests of the
// job store run on databases that this release's migrations make.
//   npm run previous               the newest tag v* that this commit is not part of
//   npm run previous -- <ref>      another one
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const MIGRATIONS = 'app/store/migrations';

process.exitCode = run(process.argv[2]);

function run(given: string | undefined): number {
  if (!given && isShallow()) {
    console.log('This clone lacks history, and with it perhaps the release before this commit: run `git fetch --unshallow --tags`.');
    return 1;
  }
  const ref = given ?? newestTag();
  if (!ref) {
    console.log('There is no release before this commit (a tag v*): nothing to hold the schema against.');
    return 0;
  }
  const folder = checkOut(ref);
  try {
    const changed = changedMigrations(folder);
    if (changed.length > 0) {
      console.log(`${changed.join(', ')} of ${ref} changed since: put it back, and write a new migration.`);
      return 1;
    }
    cpSync(MIGRATIONS, join(folder, MIGRATIONS), { recursive: true });
    console.log(`The job store's tests of ${ref}, on the schema of this commit:`);
    return testStore(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A clone of some depth, as CI makes them. False also where there is no git, or no history. */
function isShallow(): boolean {
  return spawnSync('git', ['rev-parse', '--is-shallow-repository'], { encoding: 'utf8' }).stdout?.trim() === 'true';
}

/** Undefined also where there is no git, or no history. */
function newestTag(): string | undefined {
  const arguments_ = ['tag', '--list', 'v*', '--sort=-version:refname', '--no-contains', 'HEAD'];
  const { status, stdout } = spawnSync('git', arguments_, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n').find(Boolean) : undefined;
}

/** Into a folder beside node_modules: the packages are this commit's, since its own would have to be installed. */
function checkOut(ref: string): string {
  mkdirSync('.local', { recursive: true });
  const folder = mkdtempSync('.local/release-');
  const archive = execFileSync('git', ['archive', ref], { maxBuffer: 1024 ** 3 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  return folder;
}

function changedMigrations(folder: string): string[] {
  const read = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  return readdirSync(join(folder, MIGRATIONS)).filter((name) => read(join(MIGRATIONS, name)) !== read(join(folder, MIGRATIONS, name)));
}

function testStore(folder: string): number {
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jest = ['node_modules/jest/bin/jest.js', '--config', 'test/jest.config.mjs', 'test/app/store'];
  return spawnSync(process.execPath, [...node, ...jest], { cwd: folder, stdio: 'inherit' }).status ?? 1;
}
