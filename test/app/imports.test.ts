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

/** A lower module may not import a higher one. Modules not listed here are shared by all, or have a rule of their own. */
const HEIGHT: Record<string, number> = {
  'errors.ts': 0,
  core: 1,
  store: 2,
  salesforce: 2,
  aws: 2,
  bigquery: 2,
  webhooks: 2,
  sync: 3,
  actions: 4,
  // The HTTP server mounts the console.
  console: 5,
  http: 6,
  doctor: 6,
  commands: 7,
  'cli.ts': 8,
};

describe('imports', () => {
  test('are found', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  test('go one way, from the command line down to errors, and never between the clients', () => {
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
  ])('of %s have no cycles, types included', (_, root) => {
    expect(cyclesOf(importsIn(root))).toEqual([]);
  });

  test('of the context are type-only, except in commands', () => {
    expect(broken(({ from, to, typeOnly }) => to !== 'context.ts' || typeOnly || part(from) === 'commands')).toEqual([]);
  });

  test('of events.ts are only core, errors and the log, so that any module above may emit them', () => {
    const mayKnow = ['core', 'errors.ts', 'log.ts'];
    expect(broken(({ from, to }) => from !== 'events.ts' || mayKnow.includes(part(to)))).toEqual([]);
  });

  test('keep the emulators apart from the rest of the app', () => {
    const isEmulator = (file: string): boolean => file.startsWith('local/emulators/');
    expect(broken(({ from, to }) => !isEmulator(from) || !to.endsWith('.ts') || isEmulator(to))).toEqual([]);
  });

  test('of code that production does not ship are dynamic, in commands only', () => {
    const mayLoad = [
      'commands/entries/service.ts',
      'commands/connect.ts',
      'commands/serve.ts',
      'commands/query.ts',
      'commands/read-service-config.ts',
    ];
    expect(
      broken(({ from, to, dynamic }) => part(to) !== 'local' || part(from) === 'local' || (dynamic && mayLoad.includes(from))),
    ).toEqual([]);
  });

  test('of optional packages are in local mode only, and of development packages in no file', () => {
    const { optionalDependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, object>;
    const named = (packages: object | undefined, to: string): boolean =>
      Object.keys(packages ?? {}).some((name) => to === name || to.startsWith(`${name}/`));
    expect(broken(({ from, to }) => part(from) === 'local' || !named(optionalDependencies, to))).toEqual([]);
    expect(broken(({ to }) => !named(devDependencies, to))).toEqual([]);
  });

  test('of the BigQuery client are in the warehouse only, because it has no time limit of its own', () => {
    const allowed = ['bigquery/warehouse.ts', 'local/compare-with-org.ts'];
    expect(broken(({ from, to, typeOnly }) => to !== '@google-cloud/bigquery' || typeOnly || allowed.includes(from))).toEqual([]);
  });

  test('leave process.env to the entry points', () => {
    const readers = readdirSync(APP, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /process\.env/.test(readFileSync(join(APP, file), 'utf8')));
    // The command line passes it on.
    expect(readers.sort()).toEqual(['cli.ts']);
  });
});
