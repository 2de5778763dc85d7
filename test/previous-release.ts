// Checks that the release in test/previous-release.txt works on this commit's schema, which both use during a deploy: the job store tests of
// that release run on databases that this commit's migrations create, except its rules for migrations: this commit's own rules apply to its
// migrations. Compatibility is guaranteed from that commit on, so its migrations
// must not change. Each release writes its own commit into the file once it no longer needs to support the one before.
//   npm run previous
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const RELEASE = 'test/previous-release.txt';
const MIGRATIONS = 'app/store/migrations';

process.exitCode = run();

function run(): number {
  const commit = readIfExists(RELEASE)?.trim() ?? '';
  if (!/^[0-9a-f]{40}$/.test(commit)) return fail(`${RELEASE} must contain the full hash of the previous release's commit.`);
  if (!isKnown(commit)) {
    return fail(`This clone lacks ${commit}, the commit in ${RELEASE}. Run \`git fetch origin ${commit}\`, then run this again.`);
  }
  const folder = checkOut(commit);
  try {
    const changed = changedMigrations(folder);
    if (changed.length > 0) return fail(`${changed.join(', ')} changed since ${commit}. Restore it and write a new migration.`);
    cpSync(MIGRATIONS, join(folder, MIGRATIONS), { recursive: true });
    console.log(`The job store tests of ${commit}, on the schema of this commit:`);
    return testStore(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function fail(message: string): number {
  console.error(message);
  return 1;
}

function readIfExists(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** False also without git or outside a repository: the check must never pass unless it ran. */
function isKnown(commit: string): boolean {
  return spawnSync('git', ['cat-file', '-e', `${commit}^{commit}`]).status === 0;
}

/** Into a folder beside node_modules: the packages are this commit's, because the release's own would have to be installed. */
function checkOut(commit: string): string {
  mkdirSync('.local', { recursive: true });
  const folder = mkdtempSync('.local/release-');
  const archive = execFileSync('git', ['archive', commit], { maxBuffer: 1024 ** 3 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  return folder;
}

function changedMigrations(folder: string): string[] {
  const isChanged = (name: string): boolean => readIfExists(join(MIGRATIONS, name)) !== readIfExists(join(folder, MIGRATIONS, name));
  return readdirSync(join(folder, MIGRATIONS)).filter(isChanged);
}

function testStore(folder: string): number {
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const except = ['--testPathIgnorePatterns', 'test/app/store/migrations.test.ts'];
  const jest = ['node_modules/jest/bin/jest.js', '--config', 'test/jest.config.mjs', 'test/app/store', ...except];
  return spawnSync(process.execPath, [...node, ...jest], { cwd: folder, stdio: 'inherit' }).status ?? 1;
}
