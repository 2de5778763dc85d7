import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { EnvHttpProxyAgent } from 'undici';
import { createDataset, findMissingDatasets, missingDatasetsError } from '../../bigquery/tables/datasets.ts';
import { openWarehouse } from '../../bigquery/warehouse.ts';
import { readBigQueryConfig } from '../../config.ts';
import { isAppError } from '../../errors.ts';
import { checkLoginHost, refusalReason } from '../../salesforce/oauth.ts';
import { saveSettings } from '../settings-file.ts';
import { callbackUrlOf } from './callback-listener.ts';
import { clientAppForm } from './client-app-form.ts';
import { parseMyDomain } from './my-domain.ts';
import type { Settings, Setup } from './setup.ts';
import type { CliLogin } from './sf-login.ts';

/** The answer that keeps the rows on this machine. */
const LOCAL = 'local';

/** Asks for all settings, and saves them as soon as they are known. Earlier answers need not be given again. @throws AppError, CommandError */
export async function askSettings(setup: Setup, env: NodeJS.ProcessEnv): Promise<Settings> {
  const { dataFolder, cliLogin } = setup;
  let known = setup.saved;
  const keep = async (more: Settings): Promise<void> => {
    known = { ...known, ...more };
    await saveSettings(dataFolder, known);
  };
  await keep(cliLogin ? takeCliLogin(setup, cliLogin) : await askOrg(setup));
  await keep(await askBigQuery(setup, { ...known, ...env }));
  if (!cliLogin) await keep(await askClientApp(setup, known));
  return known;
}

/** An app belongs to one org: with another org, the saved one is forgotten at once, so that its secret is never sent there. */
const NO_APP = { SALESFORCE_CLIENT_ID: '', SALESFORCE_CLIENT_SECRET: '', SALESFORCE_JWT_KEY: '' };

function takeCliLogin({ screen }: Setup, { loginUrl, clientId, clientSecret }: CliLogin): Settings {
  screen.step('Your Salesforce org');
  screen.passed(`The Salesforce CLI has a login at ${loginUrl}`);
  return { SALESFORCE_LOGIN_URL: loginUrl, SALESFORCE_CLIENT_ID: clientId, SALESFORCE_CLIENT_SECRET: clientSecret };
}

/** Asks for the org's login host, and checks that Salesforce answers there. */
async function askOrg({ screen, prompt, saved }: Setup): Promise<Settings> {
  screen.step('Your Salesforce org');
  screen.detail('Setup, My Domain shows it. The address of any page of the org works, too.', 'dim');
  for (;;) {
    const loginUrl = parseMyDomain(await prompt.ask('My Domain, for example acme.my.salesforce.com', saved.SALESFORCE_LOGIN_URL));
    if (loginUrl === undefined) {
      screen.failed('That names no org. login.salesforce.com and test.salesforce.com do not: all orgs share them.');
      continue;
    }
    const failure = await findLoginHost(loginUrl);
    if (failure === undefined) {
      screen.passed(`Salesforce answers at ${loginUrl}`);
      return { SALESFORCE_LOGIN_URL: loginUrl, ...(loginUrl !== saved.SALESFORCE_LOGIN_URL && NO_APP) };
    }
    screen.failed(failure);
  }
}

/** @returns why there is no login host, undefined if there is one: it refuses an app that cannot exist */
async function findLoginHost(loginUrl: string): Promise<string | undefined> {
  const dispatcher = new EnvHttpProxyAgent();
  try {
    await checkLoginHost(dispatcher, { loginUrl, clientId: 'none', clientSecret: 'none' });
    return undefined;
  } catch (error) {
    if (refusalReason(error) === 'invalid_client_id') return undefined;
    if (isAppError(error)) return error.message;
    throw error;
  } finally {
    await dispatcher.close();
  }
}

/** Asks where the rows go. For a project of Google Cloud, checks the credentials and offers to create missing datasets. */
async function askBigQuery({ screen, prompt, stop }: Setup, env: NodeJS.ProcessEnv): Promise<Settings> {
  screen.step('Your BigQuery');
  screen.detail(`A Google Cloud project, or ${LOCAL}: an emulator on this machine.`, 'dim');
  for (;;) {
    const project = await prompt.ask('Google Cloud project', env.GOOGLE_CLOUD_PROJECT || LOCAL);
    if (project === LOCAL) {
      screen.passed('The rows stay on this machine.');
      return { GOOGLE_CLOUD_PROJECT: '', BIGQUERY_LOCATION: '', BIGQUERY_API_ENDPOINT: '' };
    }
    const settings = {
      GOOGLE_CLOUD_PROJECT: project,
      BIGQUERY_LOCATION: await prompt.ask('Location of the datasets', env.BIGQUERY_LOCATION || 'EU'),
      BIGQUERY_DATASETS: await prompt.ask('Dataset for the tables', env.BIGQUERY_DATASETS || 'salesforce'),
    };
    try {
      await prepareDatasets(prompt, { ...env, ...settings }, stop);
      screen.passed(`BigQuery accepts your credentials, and ${settings.BIGQUERY_DATASETS} exists.`);
      return settings;
    } catch (error) {
      if (!isAppError(error) || stop.aborted) throw error;
      screen.failed(error.message);
    }
  }
}

async function prepareDatasets(prompt: Setup['prompt'], env: NodeJS.ProcessEnv, stop: AbortSignal): Promise<void> {
  const config = readBigQueryConfig(env);
  const warehouse = openWarehouse({ ...config, federation: undefined }, new EnvHttpProxyAgent()).withSignal(stop);
  const missing = await findMissingDatasets(warehouse, config.datasets);
  if (missing.length === 0) return;
  const question = `Create ${missing.join(' and ')} in project ${config.project}, location ${config.location}?`;
  if (!(await prompt.confirm(question))) throw missingDatasetsError(warehouse, missing);
  for (const name of missing) await createDataset(warehouse, name);
}

/** Shows how to create the External Client App, and asks for its key and secret. @param known earlier answers */
async function askClientApp({ screen, prompt, flow, port }: Setup, known: Settings): Promise<Settings> {
  screen.step('An External Client App in that org');
  screen.detail('In Setup, External Client App Manager, choose New External Client App:', 'dim');
  for (const [section, fields] of clientAppForm(callbackUrlOf(port), flow)) {
    screen.say();
    screen.detail(section, 'bold');
    const width = Math.max(...fields.map(([name]) => name.length));
    for (const [name, value] of fields) screen.detail(`  ${name.padEnd(width)}  ${value}`);
  }
  screen.say();
  screen.detail('Choose Create, then Settings, OAuth Settings, Consumer Key and Secret.', 'dim');
  screen.detail('For an admin who does this for you: app/salesforce/metadata/README.md', 'dim');
  const settings = {
    SALESFORCE_CLIENT_ID: await prompt.ask('Consumer Key', known.SALESFORCE_CLIENT_ID),
    SALESFORCE_CLIENT_SECRET: await prompt.askSecret('Consumer Secret', known.SALESFORCE_CLIENT_SECRET),
  };
  return flow === 'jwt_bearer' ? { ...settings, SALESFORCE_JWT_KEY: await askPrivateKey(screen, prompt) } : settings;
}

async function askPrivateKey(screen: Setup['screen'], prompt: Setup['prompt']): Promise<string> {
  for (;;) {
    const file = await prompt.ask('File with the private key of the certificate, in PEM');
    try {
      const pem = await readFile(file.replace(/^~(?=\/)/, homedir()), 'utf8');
      if (createPrivateKey(pem).asymmetricKeyType === 'rsa') return pem.trim();
    } catch {
      // The error may quote the key.
    }
    screen.failed(`${file} is not a readable RSA private key without a passphrase.`);
  }
}
