// Checks the pipeline in .github/workflows with actionlint, built from Go's module proxy. With shellcheck on the PATH, its scripts too.
//   npm run workflows
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONLINT, build, Missing } from './go-tools.ts';

const FOLDER = '.github/workflows';

process.exitCode = lint();

function lint(): number {
  try {
    const files = readdirSync(FOLDER).map((file) => join(FOLDER, file));
    const { status } = spawnSync(build(ACTIONLINT), files, { stdio: 'inherit' });
    if (status === 0) console.log(`actionlint ${ACTIONLINT.version} finds nothing in ${files.join(', ')}.`);
    return status ?? 1;
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.error(`SKIPPED, no workflow was checked. ${error.message}`);
    return 0;
  }
}
