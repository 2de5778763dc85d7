import { delimiter, dirname } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { run, runAttached } from './program.ts';

const sdk = packageJson.devDependencies['@pulumi/pulumi'];
const DEV_IS_COMMITTED =
  'Pulumi.dev.yaml is committed, and Pulumi would write to it. Copy it to Pulumi.trial.yaml and run `npm run pulumi -- stack init trial`.';

/**
 * Runs the Pulumi CLI with this Node first on the PATH: the CLI runs the program with the first Node it finds,
 * and an older Node cannot strip the program's types.
 */
process.env.PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  try {
    checkVersion(await run('pulumi', ['version']));
    if (createsDev(args)) throw new Error(DEV_IS_COMMITTED);
    return await runAttached('pulumi', args);
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

/** Whether the arguments create a stack named dev, of any organization. */
function createsDev([group, action, ...args]: string[]): boolean {
  return group === 'stack' && action === 'init' && args.some((arg) => /^(?:--stack=)?(?:[\w.-]+\/)*dev$/.test(arg));
}

/** A CLI supports SDKs of its own version and older ones, within a major version. */
function checkVersion(text: string): void {
  const installed = text.trim().replace(/^v/, '');
  const [major = 0, minor = 0] = installed.split('.').map(Number);
  const [sdkMajor = 0, sdkMinor = 0] = sdk.split('.').map(Number);
  if (major === sdkMajor && minor >= sdkMinor) return;
  throw new Error(`Pulumi CLI ${installed} does not support SDK ${sdk}. Install version ${sdk} or a newer ${sdkMajor}.x version.`);
}
