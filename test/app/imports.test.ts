import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const APP = resolve('app');

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

/** Every import of the app, as paths below app/; packages keep their names. */
const imports: Import[] = readdirSync(APP, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => {
    const source = readFileSync(join(APP, file), 'utf8');
    const lines = source.matchAll(/^\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'|import\('([^']+)'\)/gm);
    return [...lines].map(([, type, fixed, dynamic]) => {
      const target = fixed ?? dynamic!;
      return {
        from: file,
        to: target.startsWith('.') ? relative(APP, resolve(APP, file, '..', target)) : target,
        typeOnly: type !== undefined,
      };
    });
  });

const part = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file);
const show = ({ from, to }: Import): string => `${from} → ${to}`;
const broken = (rule: (found: Import) => boolean): string[] => imports.filter((found) => !rule(found)).map(show);

/** Lower may not import higher. What is not named here is a tool of all, or is held by a rule of its own. */
const HEIGHT: Record<string, number> = {
  'errors.ts': 0,
  core: 1,
  store: 2,
  salesforce: 2,
  aws: 2,
  bigquery: 2,
  sync: 3,
  http: 4,
  console: 4,
  doctor: 4,
  commands: 5,
  'cli.ts': 6,
};

describe('imports', () => {
  test('there are some to be looked at', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  test('go one way: cli, commands, http, sync, then store, salesforce and bigquery, which never meet, then core, then errors', () => {
    expect(
      broken(({ from, to, typeOnly }) => {
        const [own, other] = [HEIGHT[part(from)], HEIGHT[part(to)]];
        // The commands' type is the dispatcher's.
        if (own === undefined || other === undefined || part(from) === part(to) || (to === 'cli.ts' && typeOnly)) return true;
        return other < own;
      }),
    ).toEqual([]);
  });

  test('only commands put a context together; all others know its type', () => {
    expect(broken(({ from, to, typeOnly }) => to !== 'context.ts' || typeOnly || part(from) === 'commands')).toEqual([]);
  });

  test('the sandbox shares nothing with the app, and only what runs locally knows it', () => {
    expect(broken(({ from, to }) => part(from) !== 'sandbox' || !(to.endsWith('.ts') && part(to) !== 'sandbox'))).toEqual([]);
    const local = ['sandbox', 'local.ts', 'demo.ts', 'demo-compare.ts', 'commands/sandbox.ts'];
    expect(broken(({ from, to }) => part(to) !== 'sandbox' || local.includes(part(from)) || local.includes(from))).toEqual([]);
  });

  test('nothing but the sandbox needs an optional package, and nothing a package for development', () => {
    const { optionalDependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, object>;
    const named = (packages: object | undefined, to: string): boolean =>
      Object.keys(packages ?? {}).some((name) => to === name || to.startsWith(`${name}/`));
    expect(broken(({ from, to }) => part(from) === 'sandbox' || !named(optionalDependencies, to))).toEqual([]);
    expect(broken(({ to }) => !named(devDependencies, to))).toEqual([]);
  });

  test('only the configuration reads the environment', () => {
    const readers = readdirSync(APP, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /process\.env/.test(readFileSync(join(APP, file), 'utf8')));
    // The command line passes it on; the demo passes on what a child process needs to run at all.
    expect(readers.sort()).toEqual(['cli.ts', 'demo.ts']);
  });
});
