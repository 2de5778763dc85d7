import { setTimeout as sleep } from 'node:timers/promises';
import { finishConnection, startConnection } from '../../actions/connections/connect.ts';
import { connectTrial } from '../../actions/connections/connect-trial.ts';
import { connectUnattended } from '../../actions/connections/connect-unattended.ts';
import { COMMAND_LINE } from '../../commands/command.ts';
import type { Context } from '../../context.ts';
import { parseIdentityUrl } from '../../core/connections/identity.ts';
import { isAppError } from '../../errors.ts';
import { checkLoginHost, refusalReason } from '../../salesforce/oauth.ts';
import { type Connection, findConnection } from '../../store/connections/connections.ts';
import { callbackUrlOf } from './callback-listener.ts';
import { openBrowser } from './open-browser.ts';
import type { Setup } from './setup.ts';

/** Salesforce takes 2 to 10 minutes to make a new app known. */
const MAX_APP_MS = 15 * 60_000;
const POLL_MS = 3_000;

/** What Salesforce adds to the callback URL. */
const CALLBACK = ['code', 'error', 'error_description', 'state'] as const;

/** Waits until Salesforce knows the app, then logs in. @throws AppError */
export async function connectOrg(setup: Setup, context: Context): Promise<Connection> {
  const { screen } = setup;
  screen.step('Log in');
  const connection = setup.cliLogin
    ? await connectTrial(context, setup.cliLogin.refreshToken, COMMAND_LINE)
    : await connectByApp(setup, context);
  screen.passed(`Connected as user ${connection.userId} of org ${connection.orgId}`);
  return connection;
}

async function connectByApp(setup: Setup, context: Context): Promise<Connection> {
  const { screen, prompt, flow } = setup;
  const [, took] = await screen.wait('Waiting until Salesforce knows the app, which takes 2 to 10 minutes', waitForApp(setup, context));
  screen.passed(`Salesforce knows the app${took}`);
  if (flow === 'browser') return await connectInBrowser(setup, context);
  const login = flow === 'jwt_bearer' ? { flow, username: await prompt.ask('Username of the Salesforce user to read as') } : { flow };
  return await connectUnattended(context, login, undefined, COMMAND_LINE);
}

async function waitForApp({ stop }: Setup, { dispatcher, app }: Context): Promise<void> {
  const since = performance.now();
  for (;;) {
    try {
      return await checkLoginHost(dispatcher, app());
    } catch (error) {
      if (refusalReason(error) !== 'invalid_client_id' || performance.now() - since > MAX_APP_MS) throw error;
    }
    await sleep(POLL_MS, undefined, { signal: stop });
  }
}

async function connectInBrowser(setup: Setup, context: Context): Promise<Connection> {
  const { screen, prompt, callbacks, port, stop } = setup;
  const redirectUri = callbackUrlOf(port);
  for (;;) {
    const url = await startConnection(context, redirectUri, undefined, COMMAND_LINE);
    screen.detail('Choose Allow in the browser that opens; if none does, open this address:');
    screen.say(url, 'cyan');
    screen.detail('If the page says invalid_client_id, reload it after a minute.', 'dim');
    openBrowser(url);
    const finish = async (parameters: URLSearchParams): Promise<string> => {
      const [authorizationCode, error, errorDescription, state] = CALLBACK.map((name) => parameters.get(name) ?? undefined);
      return await finishConnection(context, { redirectUri, authorizationCode, error, errorDescription, state }, COMMAND_LINE);
    };
    try {
      const received = callbacks.receive(new URL(url).searchParams.get('state')!, finish, stop);
      const [userId] = await screen.wait('Waiting for you to choose Allow in the browser', received);
      return (await findConnection(context.database, parseIdentityUrl(userId)!))!;
    } catch (error) {
      if (!isAppError(error) || stop.aborted) throw error;
      screen.failed(error.message);
      if (!(await prompt.confirm('Log in again?'))) throw error;
    }
  }
}
