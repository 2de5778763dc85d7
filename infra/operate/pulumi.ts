import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { delimiter, dirname } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { run } from './program.ts';

/**
 * Runs the Pulumi CLI with this Node first on the PATH: the CLI starts the program with the first one that it finds,
 * and an older one cannot strip the program's types.
 */
const sdk = packageJson.devDependencies['@pulumi/pulumi'];
process.env.PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  try {
    checkVersion(await run('pulumi', ['version']));
    const child = spawn('pulumi', args, { stdio: 'inherit' });
    // A Ctrl-C reaches the CLI too, which must have the time to end well.
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal ?? 'SIGTERM'];
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

/** The CLI speaks to SDKs that are as old as itself or older. */
function checkVersion(text: string): void {
  const installed = text.trim().replace(/^v/, '');
  const [major = 0, minor = 0] = installed.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = sdk.split('.').map(Number);
  if (major === wantedMajor && minor >= wantedMinor) return;
  throw new Error(`The Pulumi CLI is ${installed}: install ${sdk} or a newer one of the same major version.`);
}
