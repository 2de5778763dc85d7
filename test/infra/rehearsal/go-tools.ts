import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A program that is built from Go's module proxy. */
interface Tool {
  name: string;
  module: string;
  version: string;
  /** the path of its main package */
  command: string;
  ldflags?: string;
}

export const PULUMI: Tool = {
  name: 'pulumi',
  module: 'github.com/pulumi/pulumi/pkg/v3',
  version: 'v3.274.0',
  command: 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi',
  ldflags: '-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.274.0',
};

export const ACTIONLINT: Tool = {
  name: 'actionlint',
  module: 'github.com/rhysd/actionlint',
  version: 'v1.7.12',
  command: 'github.com/rhysd/actionlint/cmd/actionlint',
};

/** Where builds are kept, outside version control. */
const CACHE = resolve('node_modules/.cache/go-tools');

/** Something that this machine lacks. */
export class Missing extends Error {}

/**
 * Builds a tool, once per version. The first build of Pulumi takes about ten minutes.
 * @returns the path of the binary
 * @throws Missing without Go, or if the proxy does not offer the module
 */
export function build({ name, module, version, command, ldflags }: Tool): string {
  const folder = join(CACHE, `${name}-${version}`);
  const binary = join(folder, name);
  if (existsSync(binary)) return binary;
  if (spawnSync('go', ['version']).error) throw new Missing(`Go is not installed, and ${name} ${version} is built with it.`);
  console.log(`Building ${name} ${version} into ${folder}. The first build takes minutes.`);
  mkdirSync(folder, { recursive: true });
  // `go install` refuses modules that replace others, so a module of our own requires it.
  writeFileSync(join(folder, 'go.mod'), `module ${name}-build\n`);
  go(folder, ['get', `${module}@${version}`, `${command}@${version}`]);
  go(folder, ['build', '-ldflags', ldflags ?? '', '-o', binary, command]);
  return binary;
}

/** With a low priority and one core: others may work on this machine. */
function go(folder: string, args: string[]): void {
  const env = { ...process.env, GOFLAGS: '-p=1 -buildvcs=false -mod=mod' };
  const { status, stderr } = spawnSync('nice', ['-n', '19', 'go', ...args], { cwd: folder, env, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status === 0) return;
  throw new Missing(`\`go ${args[0]}\` failed:\n${stderr.split('\n').slice(-6).join('\n')}`);
}
