import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { project, readStackFile } from './support/stack-config.ts';

const README = 'infra/README.md';
const text = readFileSync(README, 'utf8');
const found = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name!);

describe('the guide to deploying', () => {
  test('names only configuration that there is', () => {
    const named = found(/`([a-z]+(?:[A-Z][a-z]+)+)`/g);
    expect(named.length).toBeGreaterThan(10);
    const outputs = readFileSync('infra/index.ts', 'utf8');
    expect(named.filter((name) => !(name in project.config) && !outputs.includes(`export const ${name} =`))).toEqual([]);
  });

  test('sets only configuration that there is', () => {
    const set = found(/config set (?:--secret |--path ')?(\w+)/g);
    expect(set).toEqual(expect.arrayContaining(['apiKeys', 'databaseSnapshot', 'protect', 'salesforceApps']));
    expect(set.filter((name) => !(name in project.config))).toEqual([]);
  });

  test("makes the state's key where the stack looks for it", () => {
    const regions = [...found(/--region (\S+)/g), ...found(/awskms:\/\/\S+\?region=([\w-]+)/g)];
    expect(regions.length).toBeGreaterThan(2);
    expect([...new Set(regions)]).toEqual([String(readStackFile('Pulumi.production.example.yaml')['aws:region'])]);
  });

  test('says first what Pulumi says first: the keys that have no default', () => {
    // They are those that the example of production sets, and the secret; so nobody meets another one.
    const required = Object.entries(project.config).flatMap(([key, { default: value }]) => (value === undefined ? [key] : []));
    const set = [...Object.keys(readStackFile('Pulumi.production.example.yaml')), ...found(/config set --secret (\w+)/g)];
    expect(required.filter((key) => !set.includes(key))).toEqual([]);
  });

  test('names only scripts and commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    expect(found(/npm run (\w+)/g).filter((script) => !(script in scripts))).toEqual([]);
    const commands = found(/npm run op -- (\w+)/g);
    expect(commands).toContain('smoke');
    expect(commands.filter((command) => command !== 'smoke' && !existsSync(`app/commands/${command}.ts`))).toEqual([]);
  });

  test('leads only to files that there are', () => {
    const links = found(/\]\((?!http)([^)#]+)/g);
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((link) => !existsSync(join(dirname(README), link)))).toEqual([]);
  });

  test('names every alarm, and no other', () => {
    const made = found(/^ {2}\| ([a-z][a-z, -]+) \|/gm).flatMap((names) => names.split(', '));
    const program = [...readFileSync('infra/observability.ts', 'utf8').matchAll(/this\.#alarm\('([a-z-]+)'/g)].map(([, name]) => name!);
    expect(made.sort()).toEqual(program.sort());
  });
});
