import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { create, get, type Message, messagesOf, respondWith } from '../support/messages.ts';

const messages = messagesOf('language');

/** Pulumi's runner has already reported the error. */
const REPORTED = 32;

/**
 * Runs programs as Pulumi's own host for Node does: a process of the SDK's runner, with the same arguments and environment. The newest
 * genuine one that the Go proxy offers, a part of sdk/v3 3.68, gets no further: it does not know how the CLI sends the runtime's options.
 */
export function languageHost(isTypescript: boolean) {
  let engine = '';
  return {
    handshake: respondWith((request) => {
      engine = get(request, 'EngineAddress');
      return create(messages, 'LanguageHandshakeResponse');
    }),
    getPluginInfo: respondWith(() => create(messagesOf('plugin'), 'PluginInfo', { Version: '0.0.0' })),
    getRequiredPackages: respondWith(() => create(messages, 'GetRequiredPackagesResponse')),
    getRequiredPlugins: respondWith(() => create(messages, 'GetRequiredPluginsResponse')),
    run: respondWith((request) => run(request, engine, isTypescript)),
  };
}

async function run(request: Message, engine: string, isTypescript: boolean): Promise<Message> {
  const info = get<Message>(request, 'Info');
  const options = {
    monitor: get<string>(request, 'MonitorAddress'),
    engine,
    organization: get<string>(request, 'Organization'),
    project: get<string>(request, 'Project'),
    stack: get<string>(request, 'Stack'),
    'root-directory': get<string>(info, 'RootDirectory'),
    pwd: get<string>(info, 'ProgramDirectory'),
    parallel: String(get<number>(request, 'Parallel')),
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  if (get(request, 'Dryrun')) args.push('--dry-run');
  const child = spawn(process.execPath, [resolve('node_modules/@pulumi/pulumi/cmd/run'), ...args, get(info, 'EntryPoint')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(get<{ entries(): Iterable<[string, string]> }>(request, 'ConfigMap').entries())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(get(request, 'ConfigsecretkeysList')),
      PULUMI_NODEJS_TYPESCRIPT: String(isTypescript),
    },
  });
  let errors = '';
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()));
  const [code] = (await once(child, 'close')) as [number];
  if (code === 0) return create(messages, 'RunResponse');
  if (code === REPORTED) return create(messages, 'RunResponse', { Bail: true });
  return create(messages, 'RunResponse', { Error: `The program exited with code ${code}: ${errors.slice(-2000)}` });
}
