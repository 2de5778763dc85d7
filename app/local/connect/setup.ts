import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CommandError } from '../../commands/command-error.ts';
import type { LoginFlow } from '../../core/connections/login-flow.ts';
import { openScreen, type Screen } from '../demo-screen.ts';
import { DEFAULT_PORT_BASE, readPortBase } from '../emulators/ports.ts';
import { readSettings } from '../settings-file.ts';
import { prepareLocal, shortPath } from '../start-local.ts';
import { type CallbackListener, listenForCallback } from './callback-listener.ts';
import { openPrompt, type Prompt } from './prompt.ts';
import { type CliLogin, readCliLogin } from './sf-login.ts';

/** Environment variables by name. An empty one counts as not set. */
export type Settings = Readonly<Record<string, string>>;

/** What the steps of `connect` share. */
export interface Setup extends AsyncDisposable {
  screen: Screen;
  prompt: Prompt;
  callbacks: CallbackListener;
  /** the port of localhost on which `callbacks` listens */
  port: number;
  flow: LoginFlow;
  /** instead of an External Client App: a login of the Salesforce CLI */
  cliLogin: CliLogin | undefined;
  dataFolder: string;
  /** earlier answers */
  saved: Settings;
  stop: AbortSignal;
}

/** Command line options, not yet validated. */
export interface SetupOptions {
  data: string;
  portBase?: string;
  flow: LoginFlow;
  /** the alias of a login of the Salesforce CLI */
  sf?: string;
}

const STEPS = 7;

/** @throws CommandError */
export async function openSetup({ data, portBase, flow, sf }: SetupOptions, env: NodeJS.ProcessEnv, stop: AbortSignal): Promise<Setup> {
  const dataFolder = resolve(data);
  await requireNoEmulatedOrg(dataFolder);
  const port = Number(portBase && readPortBase(portBase)) || DEFAULT_PORT_BASE;
  const cliLogin = sf === undefined ? undefined : await readCliLogin(sf, stop);
  await prepareLocal(dataFolder);
  const saved = await readSettings(dataFolder);
  const callbacks = await listenForCallback(port);
  // The org and its app take a step each.
  const screen = openScreen(process.stdout, env, cliLogin ? STEPS - 1 : STEPS);
  const prompt = openPrompt(process.stdin, process.stdout, '       ', stop);
  const close = async (): Promise<void> => {
    prompt[Symbol.dispose]();
    screen.close();
    await callbacks[Symbol.asyncDispose]();
  };
  return { screen, prompt, callbacks, port, flow, cliLogin, dataFolder, saved, stop, [Symbol.asyncDispose]: close };
}

/** Two orgs never share a table: jobs of the emulated org would keep those of the real one from being created. */
async function requireNoEmulatedOrg(dataFolder: string): Promise<void> {
  const exists = async (name: string): Promise<boolean> =>
    await access(join(dataFolder, name)).then(
      () => true,
      () => false,
    );
  if (!(await exists('emulators.json')) || (await exists('env'))) return;
  const folder = shortPath(dataFolder);
  throw new CommandError(
    `${folder} contains the jobs of the emulated org of npm start. Remove it with rm -rf ${folder}, or choose another folder with --data.`,
  );
}

/** Says what to run next. */
export function conclude({ screen, dataFolder, cliLogin }: Setup): void {
  const folder = shortPath(dataFolder);
  const data = folder === '.local' ? '' : ` --data ${folder}`;
  screen.say('\nWhat to run next', 'bold');
  for (const [command, meaning] of [
    [`npm start${data && ` --${data}`}`, 'keeps the tables current: imports what is due every 15 minutes.'],
    [`npm run query --${data} "SELECT …"`, 'queries them.'],
    [`npm run doctor -- --real${data}`, 'beside npm start: tests on your org what documentation leaves open.'],
  ] as const) {
    screen.say();
    screen.say(command, 'cyan');
    screen.say(`  ${meaning}`);
  }
  screen.say(`\nThe settings are in ${folder}/env, which only you can read. Your rows and tokens are in ${folder} too.`);
  if (cliLogin) screen.say('This is a trial with the login of the Salesforce CLI: a deployed service refuses it.');
}
