import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { EXAMPLE, project, readStackFile } from './support/stack-config.ts';

const README = 'infra/README.md';
const text = readFileSync(README, 'utf8');
const findAll = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name!);

describe('the deployment guide', () => {
  test('names only existing configuration keys and outputs', () => {
    const names = findAll(/`([a-z]+(?:[A-Z][a-z]+)+)`/g);
    expect(names.length).toBeGreaterThan(10);
    const outputs = readFileSync('infra/index.ts', 'utf8');
    expect(names.filter((name) => !(name in project.config) && !outputs.includes(`export const ${name} =`))).toEqual([]);
  });

  test('sets only existing configuration keys', () => {
    const set = findAll(/config set (?:--secret |--path ')?(\w+)/g);
    expect(set).toEqual(expect.arrayContaining(['apiKeys', 'databaseSnapshot', 'protect', 'salesforceApps']));
    expect(set.filter((name) => !(name in project.config))).toEqual([]);
  });

  test("creates the state's KMS key in the region where the stack expects it", () => {
    const regions = [...findAll(/--region (\S+)/g), ...findAll(/awskms:\/\/\S+\?region=([\w-]+)/g)];
    expect(regions.length).toBeGreaterThan(2);
    expect([...new Set(regions)]).toEqual([String(readStackFile(EXAMPLE)['aws:region'])]);
  });

  test('starts every stack from a copy of a committed file, and writes to none of them', () => {
    const copies = [...text.matchAll(/\bcp (\S+) Pulumi\.(\S+)\.yaml/g)].map(([, from, stack]) => ({ from, stack }));
    expect(copies).toEqual([
      { from: 'Pulumi.dev.yaml', stack: 'trial' },
      { from: EXAMPLE, stack: 'production' },
    ]);
    expect(copies.filter(({ from }) => !existsSync(from!))).toEqual([]);
    expect(findAll(/stack init (\S+)/g).map((name) => name.replace('`', ''))).toEqual(['trial', 'production']);
  });

  test('names only existing scripts and commands', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    expect(findAll(/npm run (\w+)/g).filter((script) => !(script in scripts))).toEqual([]);
    const commands = findAll(/npm run op -- ([\w-]+)/g);
    expect(commands).toContain('smoke');
    const files = readdirSync('app/commands', { recursive: true, encoding: 'utf8' }).map((file) => basename(file, '.ts'));
    const known = [...files, 'preflight', 'rotate', 'smoke', 'tunnel'];
    expect(commands.filter((command) => !known.includes(command))).toEqual([]);
  });

  test('links only to existing files', () => {
    const links = findAll(/\]\((?!http)([^)#]+)/g);
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((link) => !existsSync(join(dirname(README), link)))).toEqual([]);
  });

  test('links only to existing headings', () => {
    const headings = findAll(/^## (.+)$/gm).map((heading) => heading.toLowerCase().replaceAll(' ', '-'));
    expect(headings.length).toBeGreaterThan(5);
    expect(findAll(/\]\(#([^)]+)\)/g).filter((link) => !headings.includes(link))).toEqual([]);
  });

  test('lists every alarm, and no other', () => {
    const [, section = ''] = /^## Alarms\n(.*?)^## /ms.exec(text) ?? [];
    const documented = [...section.matchAll(/^\| ([a-z][a-z, -]+) \|/gm)].flatMap(([, names]) => names!.split(', '));
    const files = readdirSync('infra/alarms').map((file) => readFileSync(join('infra/alarms', file), 'utf8'));
    const program = files.flatMap((file) => [...file.matchAll(/part: '([a-z-]+)'/g)].map(([, name]) => name!));
    expect(documented.sort()).toEqual(program.sort());
    // The one on the receiver of alerts exists only with a receiver.
    expect(findAll(/^\| (\d+) alarms /gm).map(Number)).toEqual([program.length - 1]);
    const metrics = [...readFileSync('infra/alarms/dashboard.ts', 'utf8').matchAll(/^ {2}\| '(\w+)'/gm)].length;
    const filters = [...readFileSync('infra/alarms/log-filters.ts', 'utf8').matchAll(/^export const /gm)].length - 1;
    expect(findAll(/ (\d+) metrics of the service /g).map(Number)).toEqual([metrics + filters]);
  });
});
