import { Agent, EnvHttpProxyAgent } from 'undici';
import { readProxy } from '../../config.ts';
import type { Command, CommandInput } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { findServiceEnv, type ServiceOptions } from '../read-service-config.ts';
import { RemoteError, RemoteService } from './remote-service.ts';

/** Which service a command calls, and how it prints. */
export interface RemoteOptions extends ServiceOptions {
  /** instead of SERVICE_URL */
  url?: string;
  /** prints what the service returns */
  json?: boolean;
}

/** That of npm start, unless its ports were moved. */
const DEFAULT_URL = 'http://localhost:4444';

/**
 * A command that calls a service. What the service refuses, or that it does not respond, is printed in a sentence; the exit code is 1.
 * @param act returns the exit code
 */
export function serviceCommand<Options extends RemoteOptions>(
  act: (service: RemoteService, input: CommandInput<Options>) => Promise<number>,
): Command<Options> {
  return async (input) => {
    const { options, env, stop } = input;
    try {
      await using service = await openService(options, env, stop);
      return await act(service, input);
    } catch (error) {
      if (!(error instanceof RemoteError) && !stop.aborted) throw error;
      console.error(stop.aborted ? 'Stopped. Run it again to continue.' : (error as Error).message);
      return 1;
    }
  };
}

/**
 * The service that options or environment variables name; if these configure a service themselves, as in its container, that one, whose API is
 * then served to this command alone; otherwise the one of npm start.
 * @param stop aborts its requests
 * @throws CommandError if its key is missing, or would reach another service, or cross the network in clear text; ConfigError
 */
async function openService(options: RemoteOptions, env: NodeJS.ProcessEnv, stop: AbortSignal): Promise<RemoteService> {
  const given = options.local ? undefined : (options.url ?? (env.SERVICE_URL?.trim() || undefined));
  if (given === undefined && !options.local && configuresService(env)) {
    const { serveAlone } = await import('./serve-alone.ts');
    return new RemoteService({ ...(await serveAlone(env)), dispatcher: new Agent() }, stop);
  }
  const url = given ?? (options.local ? await findLocalUrl(options, env) : DEFAULT_URL);
  const parsed = URL.parse(url);
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new CommandError(`${url} is not an address of a service. Use one such as https://sync.example.com.`);
  }
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(parsed.hostname);
  const key = env.SYNC_API_KEY?.trim() || undefined;
  // Whatever listens at the default address would receive the key of another service.
  if (key !== undefined && url === DEFAULT_URL && given === undefined) {
    throw new CommandError(
      `SYNC_API_KEY is set, but not the address of its service, and ${DEFAULT_URL} must not receive it. Set SERVICE_URL or --url; for npm start, use --local or unset SYNC_API_KEY.`,
    );
  }
  if (!isLocal && parsed.protocol !== 'https:') throw new CommandError(`${url} would send the API key in clear text. Use https.`);
  if (!isLocal && key === undefined) throw new CommandError('SYNC_API_KEY is not set. Set it to an API key with role operate or admin.');
  const dispatcher = isLocal ? new Agent() : new EnvHttpProxyAgent(readProxy(env));
  return new RemoteService({ url, key, dispatcher, close: async () => {} }, stop);
}

/** Whether the environment is that of a service in production. */
function configuresService(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.API_KEYS?.trim() && (env.DATABASE_URL?.trim() || env.PGHOST?.trim()));
}

async function findLocalUrl({ data }: RemoteOptions, env: NodeJS.ProcessEnv): Promise<string> {
  const { env: local } = await findServiceEnv({ local: true, ...(data !== undefined && { data }) }, env);
  if (Number(local.PORT) === 0)
    throw new CommandError('The service of npm start listens on any free port. Use --url with the address that it printed.');
  return `http://127.0.0.1:${local.PORT}`;
}
