import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readConfig } from '../../app/config.ts';
import { VERSION } from '../../app/version.ts';

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  with?: Record<string, string>;
}

interface Workflow {
  permissions: Record<string, string>;
  defaults?: { run: { shell: string } };
  jobs: Record<string, { if?: string; steps: Step[] }>;
}

const FOLDER = '.github/workflows';
const workflows = Object.fromEntries(
  readdirSync(FOLDER).map((file) => [file, parse(readFileSync(`${FOLDER}/${file}`, 'utf8')) as Workflow]),
);
const steps = (file: string) => Object.values(workflows[file]!.jobs).flatMap((job) => job.steps);

/** Runs a workflow's step as GitHub does, with programs of the test on the PATH. @returns its exit code, stdout and outputs */
function runStep(file: string, name: string, env: Record<string, string>, programs: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sync-step-'));
  const output = join(folder, 'output');
  writeFileSync(output, '');
  copyFileSync('package.json', join(folder, 'package.json'));
  for (const [program, script] of Object.entries(programs)) writeFileSync(join(folder, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const script = steps(file).find((step) => step.name === name)!.run!;
  const pipefail = workflows[file]!.defaults?.run.shell === 'bash' ? ['-o', 'pipefail'] : [];
  const { status, stdout } = spawnSync('bash', ['-e', ...pipefail, '-c', script], {
    cwd: folder,
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, GITHUB_OUTPUT: output, ...env },
    encoding: 'utf8',
  });
  const outputs = readFileSync(output, 'utf8');
  rmSync(folder, { recursive: true });
  return { status, stdout, outputs };
}

test('the pipeline tests, previews, releases and deploys, with no more permissions than each needs', () => {
  expect(Object.fromEntries(Object.entries(workflows).map(([file, { permissions }]) => [file, Object.keys(permissions).sort()]))).toEqual({
    'deploy.yml': ['contents', 'id-token'],
    'preview.yml': ['contents', 'id-token', 'pull-requests'],
    'release.yml': ['attestations', 'contents', 'id-token', 'packages'],
    'test.yml': ['contents'],
  });
});

test('deployments have no long-lived key: AWS and Google identify the workflow', () => {
  for (const file of ['preview.yml', 'deploy.yml']) {
    expect(readFileSync(`${FOLDER}/${file}`, 'utf8')).not.toContain('secrets.');
    expect(steps(file).flatMap((step) => Object.keys(step.with ?? {}))).toEqual(
      expect.arrayContaining(['role-to-assume', 'workload_identity_provider']),
    );
  }
});

test('no release text or branch name is pasted into a script, where it could be a command', () => {
  const scripts = Object.keys(workflows).flatMap((file) => steps(file).flatMap(({ run }) => run ?? []));
  expect(scripts.length).toBeGreaterThan(8);
  expect(scripts.filter((script) => script.includes('${{'))).toEqual([]);
});

test('a release pins the digest of the base image that the Dockerfile names, and none is typed in', () => {
  const text = readFileSync(`${FOLDER}/release.yml`, 'utf8');
  expect(text).not.toMatch(/sha256:[0-9a-f]{64}/);
  expect(readFileSync('Dockerfile', 'utf8')).not.toContain('sha256:');
  const build = steps('release.yml').find(({ uses }) => uses?.startsWith('docker/build-push-action'))!;
  expect(build.with).toMatchObject({ platforms: 'linux/arm64,linux/amd64', 'build-contexts': expect.stringContaining('docker-image://') });
});

test('a release is published only if its tag is the version that its runs will be stored with', () => {
  const publish = (tag: string) => runStep('release.yml', 'Check that the tag is the version in package.json', { TAG: tag });
  expect(publish(`v${VERSION}`)).toMatchObject({ status: 0, stdout: '' });
  const other = publish('v999.0.0');
  expect(other.status).toBe(1);
  expect(other.stdout).toBe(
    `::error::The tag is v999.0.0, but package.json says ${VERSION}. Change it with npm version, then push its tag.\n`,
  );
});

test('a release of a repository with capitals in its name has a name that registries accept', () => {
  expect(runStep('release.yml', 'Name the image', { GITHUB_REPOSITORY: 'Acme/Sync' }).outputs).toBe('name=ghcr.io/acme/sync\n');
  expect(readFileSync(`${FOLDER}/release.yml`, 'utf8')).not.toContain('github.repository ');
});

test('a preview has the image that runs, so that it shows only what the pull request changes', () => {
  const npm = 'case "$*" in *"stack output imageUri") echo acme/sync@sha256:0;; *) echo "$@";; esac';
  expect(runStep('preview.yml', 'Preview', { STACK: 'production' }, { npm }).stdout.split('\n')).toEqual([
    'run --silent pulumi -- stack select production',
    'run --silent pulumi -- config set imageUri acme/sync@sha256:0',
    'run --silent pulumi -- preview --diff --non-interactive',
    '',
  ]);
});

test('a preview that Pulumi refuses fails', () => {
  const npm = 'case "$*" in *preview*) exit 1;; esac';
  expect(runStep('preview.yml', 'Preview', { STACK: 'production' }, { npm }).status).toBe(1);
  for (const file of ['preview.yml', 'deploy.yml', 'release.yml']) expect(workflows[file]!.defaults).toEqual({ run: { shell: 'bash' } });
});

test('a release of a repository without a stack deploys nothing, and does not fail', () => {
  expect(workflows['deploy.yml']!.jobs.deploy!.if).toBe("vars.STACK != ''");
});

test('the keys in infra/.env, which the compose file reads, are not committed', () => {
  expect(readFileSync('.gitignore', 'utf8').split('\n')).toContain('.env');
});

test("the compose file's password can be part of a URL, and its first tick waits until the service is healthy", () => {
  const { services } = parse(readFileSync('infra/compose.yaml', 'utf8')) as {
    services: Record<string, { environment: Record<string, string>; depends_on?: object; healthcheck?: { test: string[] } }>;
  };
  expect(services.postgres!.environment.POSTGRES_PASSWORD).toContain('Set it to the output of openssl rand -hex 24');
  expect(services.ticker!.depends_on).toEqual({ service: { condition: 'service_healthy' } });
  expect(services.service!.healthcheck!.test.join()).toContain("fetch('http://127.0.0.1:4444/healthz')");
});

test("the compose file's service has a complete configuration, and its ticker calls the tick", () => {
  const { services } = parse(readFileSync('infra/compose.yaml', 'utf8')) as {
    services: Record<string, { environment: Record<string, string>; command?: string[] }>;
  };
  const values: Record<string, string> = {
    POSTGRES_PASSWORD: 'password-of-postgres',
    SALESFORCE_LOGIN_URL: 'https://acme.my.salesforce.com',
    TOKEN_KEYS: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
    HASH_SALT: 'a'.repeat(32),
    API_KEYS: `schedule:tick:${'0'.repeat(64)}`,
    BIGQUERY_LOCATION: 'EU',
  };
  const filled = Object.entries(services.service!.environment).map(([name, text]) => [
    name,
    text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, variable: string, kind?: string, rest = '') =>
      kind === '-' ? String(rest) : (values[variable] ?? 'acme'),
    ),
  ]);
  expect(readConfig(Object.fromEntries(filled) as Record<string, string>)).toMatchObject({
    database: { url: 'postgres://sync:password-of-postgres@postgres:5432/sync' },
    http: { port: 4444, publicUrl: 'http://localhost:4444' },
  });
  expect(services.ticker!.command!.join()).toContain('--request POST http://service:4444/handle_importing_job');
});
