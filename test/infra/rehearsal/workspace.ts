import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { project, type StackName } from '../support/stack-config.ts';

/** A step of the engine. */
interface Operation {
  /** for example `same`, `update` or `create-replacement` */
  op: string;
  urn: string;
}

/** What a command of the CLI did. */
export interface Outcome {
  code: number;
  /** what it printed, and the program's errors */
  text: string;
  /** the numbers of resources by operation, of the update, or of the preview if there was no update */
  counts: Record<string, number>;
  operations: Operation[];
}

/** A folder with a copy of the project, in which the CLI keeps its state. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  readonly #cli: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param providers the port of each provider, and of the language host: `aws:4001,gcp:4001` */
  constructor(cli: string, providers: string, languages: string) {
    this.#cli = cli;
    for (const name of ['infra', 'node_modules', 'package.json']) symlinkSync(resolve(name), join(this.folder, name));
    writeFileSync(join(this.folder, 'Pulumi.yaml'), readFileSync('Pulumi.yaml'));
    mkdirSync(join(this.folder, 'state'));
    this.#env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_COMPILE_CACHE: resolve('node_modules/.cache/node'),
      PULUMI_HOME: join(this.folder, 'home'),
      PULUMI_BACKEND_URL: `file://${join(this.folder, 'state')}`,
      PULUMI_CONFIG_PASSPHRASE: 'a passphrase',
      PULUMI_SKIP_UPDATE_CHECK: 'true',
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
      PULUMI_DEBUG_COMMANDS: 'true',
      PULUMI_DEBUG_PROVIDERS: providers,
      PULUMI_DEBUG_LANGUAGES: languages,
    };
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }

  async createStack(stack: StackName): Promise<void> {
    await this.#must(['stack', 'init', stack]);
  }

  async setSecret(stack: StackName, key: string, value: string): Promise<void> {
    await this.#must(['config', 'set', '--secret', '--stack', stack, key, value]);
  }

  /** Writes a stack's configuration. Its secrets stay. */
  configure(stack: StackName, values: Record<string, unknown>): void {
    const file = join(this.folder, `Pulumi.${stack}.yaml`);
    const old = parse(readFileSync(file, 'utf8')) as { config?: Record<string, unknown> };
    const secrets = Object.entries(old.config ?? {}).filter(([, value]) => value && typeof value === 'object' && 'secure' in value);
    const plain = Object.entries(values).map(([key, value]) => [key.includes(':') ? key : `${project.name}:${key}`, value]);
    writeFileSync(file, stringify({ ...old, config: { ...Object.fromEntries(plain), ...Object.fromEntries(secrets) } }));
  }

  /** Runs the CLI on a stack, without questions. */
  async run(command: 'preview' | 'up' | 'destroy', stack: StackName, ...args: string[]): Promise<Outcome> {
    const log = join(this.folder, 'events.json');
    rmSync(log, { force: true });
    const { code, text } = await this.#cliRun([command, '--stack', stack, '--non-interactive', '--event-log', log, ...args]);
    const events = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
    return { code, text, ...readEvents(events.map((line) => JSON.parse(line) as EngineEvent)) };
  }

  /** The state file of a stack. */
  readState(stack: StackName): string {
    return readFileSync(this.#stateFile(stack), 'utf8');
  }

  writeState(stack: StackName, state: string): void {
    writeFileSync(this.#stateFile(stack), state);
  }

  #stateFile(stack: StackName): string {
    return join(this.folder, 'state/.pulumi/stacks', project.name, `${stack}.json`);
  }

  async #must(args: string[]): Promise<void> {
    const { code, text } = await this.#cliRun([...args, '--non-interactive']);
    if (code !== 0) throw new Error(`pulumi ${args[0]} exited with code ${code}: ${text}`);
  }

  async #cliRun(args: string[]): Promise<{ code: number; text: string }> {
    const child = spawn(this.#cli, [...args, '--color', 'never'], { cwd: this.folder, env: this.#env });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (text += part.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, text };
  }
}

interface EngineEvent {
  resourcePreEvent?: { metadata: Operation };
  summaryEvent?: { isPreview: boolean; resourceChanges: Record<string, number> };
}

/** The last of preview and update. */
function readEvents(events: EngineEvent[]): Pick<Outcome, 'counts' | 'operations'> {
  const previewEnd = events.findIndex(({ summaryEvent }) => summaryEvent?.isPreview);
  const rest = events.slice(previewEnd + 1);
  const last = rest.some(({ resourcePreEvent }) => resourcePreEvent) ? rest : events;
  return {
    counts: last.findLast(({ summaryEvent }) => summaryEvent)?.summaryEvent?.resourceChanges ?? {},
    operations: last.flatMap(({ resourcePreEvent }) => resourcePreEvent?.metadata ?? []),
  };
}
