import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const APP = resolve('app');
const INFRA = resolve('infra');

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
  dynamic: boolean;
}

/** Every import in a folder, as paths below it; packages keep their names. */
const importsIn = (root: string): Import[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const source = readFileSync(join(root, file), 'utf8');
      const lines = source.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^;'"]*?from\s+)?'([^']+)'|import\('([^']+)'\)/gm);
      return [...lines].map(([, type, fixed, dynamic]) => {
        const target = fixed ?? dynamic!;
        return {
          from: file,
          to: target.startsWith('.') ? relative(root, resolve(root, file, '..', target)) : target,
          typeOnly: type !== undefined,
          dynamic: dynamic !== undefined,
        };
      });
    });

const imports = importsIn(APP);

const part = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file);
const show = ({ from, to }: Import): string => `${from} → ${to}`;
const broken = (rule: (found: Import) => boolean): string[] => imports.filter((found) => !rule(found)).map(show);

/** Import cycles, each as the path around it. A depth-first walk finds some of them, and at least one wherever there are any. */
function cyclesOf(found: Import[]): string[] {
  const targets = Map.groupBy(found, ({ from }) => from);
  const done = new Set<string>();
  const walk = (file: string, path: string[]): string[] => {
    if (path.includes(file)) return [[...path.slice(path.indexOf(file)), file].join(' → ')];
    if (done.has(file)) return [];
    const cycles = (targets.get(file) ?? []).flatMap(({ to }) => walk(to, [...path, file]));
    done.add(file);
    return cycles;
  };
  return [...targets.keys()].flatMap((file) => walk(file, []));
}

/** Lower may not import higher. What is not named here is a tool of all, or is held by a rule of its own. */
const HEIGHT: Record<string, number> = {
  'errors.ts': 0,
  core: 1,
  store: 2,
  salesforce: 2,
  aws: 2,
  bigquery: 2,
  sync: 3,
  actions: 4,
  http: 5,
  console: 5,
  doctor: 5,
  commands: 6,
  'cli.ts': 7,
};

describe('imports', () => {
  test('there are some to be looked at', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  test('go one way: cli, commands, http, actions, sync, then store, salesforce and bigquery, which never meet, then core, then errors', () => {
    expect(
      broken(({ from, to }) => {
        const [own, other] = [HEIGHT[part(from)], HEIGHT[part(to)]];
        if (own === undefined || other === undefined || part(from) === part(to)) return true;
        return other < own;
      }),
    ).toEqual([]);
  });

  test.each([
    ['app', APP],
    ['infra', INFRA],
  ])('of %s: no file imports itself through others, types included', (_, root) => {
    expect(cyclesOf(importsIn(root))).toEqual([]);
  });

  test('only commands put a context together; all others know its type', () => {
    expect(broken(({ from, to, typeOnly }) => to !== 'context.ts' || typeOnly || part(from) === 'commands')).toEqual([]);
  });

  test('events know only core, errors and the log, so any module above these may emit them', () => {
    const mayKnow = ['core', 'errors.ts', 'log.ts'];
    expect(broken(({ from, to }) => from !== 'events.ts' || mayKnow.includes(part(to)))).toEqual([]);
  });

  test('the emulators share nothing with the rest of the app', () => {
    const isEmulator = (file: string): boolean => file.startsWith('local/emulators/');
    expect(broken(({ from, to }) => !isEmulator(from) || !to.endsWith('.ts') || isEmulator(to))).toEqual([]);
  });

  test('what production does not ship is loaded only when a command needs it', () => {
    const mayLoad = ['cli.ts', 'commands/serve.ts', 'commands/query.ts'];
    expect(
      broken(({ from, to, dynamic }) => part(to) !== 'local' || part(from) === 'local' || (dynamic && mayLoad.includes(from))),
    ).toEqual([]);
  });

  test('only local mode needs an optional package, and nothing a package for development', () => {
    const { optionalDependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, object>;
    const named = (packages: object | undefined, to: string): boolean =>
      Object.keys(packages ?? {}).some((name) => to === name || to.startsWith(`${name}/`));
    expect(broken(({ from, to }) => part(from) === 'local' || !named(optionalDependencies, to))).toEqual([]);
    expect(broken(({ to }) => !named(devDependencies, to))).toEqual([]);
  });

  test('only the warehouse has a client of BigQuery, which no time limit of its own ends', () => {
    const mayHaveOne = ['bigquery/warehouse.ts', 'local/compare-with-org.ts'];
    expect(broken(({ from, to, typeOnly }) => to !== '@google-cloud/bigquery' || typeOnly || mayHaveOne.includes(from))).toEqual([]);
  });

  test('only the configuration reads the environment', () => {
    const readers = readdirSync(APP, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /process\.env/.test(readFileSync(join(APP, file), 'utf8')));
    // The command line passes it on; the demo passes on what a child process needs to run at all.
    expect(readers.sort()).toEqual(['cli.ts', 'local/demo.ts']);
  });
});
