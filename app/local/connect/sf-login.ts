import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CommandError } from '../../commands/command-error.ts';

/** A login of the Salesforce CLI. */
export interface CliLogin {
  loginUrl: string;
  clientId: string;
  /** '': its app needs none */
  clientSecret: string;
  refreshToken: string;
}

/** As Salesforce documents it: the host has no protocol, because it is always https. */
const AUTH_URL = /^force:\/\/([\w.-]+=*):([\w.-]*=*):([\w.-]+=*)@([\w.-]+(?::\d+)?)$/;

/** Only an emulator is reachable without TLS. */
const LOOPBACK = /^(127\.0\.0\.1|localhost)(:|$)/;

/** Reads the login of an org from the Salesforce CLI. @throws CommandError */
export async function readCliLogin(alias: string, stop: AbortSignal): Promise<CliLogin> {
  const args = ['org', 'auth', 'show-sfdx-auth-url', '--target-org', alias, '--json'];
  const output = await promisify(execFile)('sf', args, { signal: stop }).then(({ stdout }) => stdout, explainFailure(alias));
  const match = AUTH_URL.exec(readAuthUrl(output));
  if (!match) {
    throw new CommandError(
      `The Salesforce CLI has no refresh token for ${alias}. Log in with sf org login web --alias ${alias}, then run this again.`,
    );
  }
  const [, clientId, clientSecret, refreshToken, host] = match as unknown as [string, string, string, string, string];
  return { loginUrl: `${LOOPBACK.test(host) ? 'http' : 'https'}://${host}`, clientId, clientSecret, refreshToken };
}

function readAuthUrl(output: string): string {
  try {
    return (JSON.parse(output) as { result: { sfdxAuthUrl: string } }).result.sfdxAuthUrl;
  } catch {
    // The output may contain the token, so no error quotes it.
    return '';
  }
}

function explainFailure(alias: string): (error: { code?: unknown }) => never {
  return ({ code }) => {
    if (code === 'ENOENT') throw new CommandError('The Salesforce CLI is not installed, or not on the PATH. Install it, or omit --sf.');
    throw new CommandError(
      `The Salesforce CLI knows no login ${alias}, or is too old for sf org auth show-sfdx-auth-url. List its logins with sf org list.`,
    );
  };
}
