import { execFileSync } from 'node:child_process';
import { cp, link, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A folder with the contents of /app in the image's last stage. */
export interface ImageFolder {
  [Symbol.asyncDispose](): Promise<void>;
  path: string;
  /** the environment that the image sets */
  env: Record<string, string>;
  /** our own files, without packages */
  files: string[];
  /** files of packages that run on one CPU architecture or system only */
  binaries: string[];
}

/** Builds the image's contents in a folder: the files that .dockerignore and the Dockerfile select, and the production packages. */
export async function createImageFolder(): Promise<ImageFolder> {
  // On the same file system as node_modules, so that packages can be hard-linked.
  await mkdir('.local', { recursive: true });
  const path = await mkdtemp('.local/test-image-');
  const files = await copiedFiles();
  for (const file of files) await cp(file, join(path, file));
  const dockerfile = await readFile('Dockerfile', 'utf8');
  execFileSync(process.execPath, ['--input-type=module', '--no-warnings'], { cwd: path, input: scriptOf(dockerfile, 'sources') });
  for (const folder of await productionPackages()) await linkFolder(folder, join(path, folder));
  return {
    path,
    env: Object.fromEntries([...dockerfile.matchAll(/^ENV (\w+)=(.+)$/gm)].map(([, name, value]) => [name!, value!])),
    files,
    binaries: await findBinaries(join(path, 'node_modules')),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

/** The script that a stage of the Dockerfile runs. */
function scriptOf(dockerfile: string, stage: string): string {
  const found = dockerfile.split(/^FROM /m).find((text) => text.split('\n')[0]!.endsWith(` AS ${stage}`))!;
  return /^RUN node --input-type=module <<'END'$(.+?)^END$/ms.exec(found)![1]!;
}

/** The files that the last two stages copy from the build context: the sources, and the rest. */
async function copiedFiles(): Promise<string[]> {
  const lastStages = (await readFile('Dockerfile', 'utf8'))
    .split(/^FROM /m)
    .slice(-2)
    .join('');
  const sources = [...lastStages.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
  const sent = await sentToBuilder();
  return sent.filter((file) => sources.some((source) => file === source || file.startsWith(`${source}/`))).sort();
}

/** The build context: every file of the repository that .dockerignore does not exclude. The last matching line applies. */
export async function sentToBuilder(): Promise<string[]> {
  const rules = (await readFile('.dockerignore', 'utf8')).split('\n').filter((line) => line && !line.startsWith('#'));
  const top = (await readdir('.', { withFileTypes: true })).filter(({ name }) => !['node_modules', '.git', '.local'].includes(name));
  const files = await Promise.all(
    top.map(async (entry) => {
      if (!entry.isDirectory()) return [entry.name];
      const below = await readdir(entry.name, { withFileTypes: true, recursive: true });
      return below.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
    }),
  );
  return files.flat().filter((file) => isSent(file, rules));
}

function isSent(file: string, rules: string[]): boolean {
  let sent = true;
  for (const rule of rules) {
    const name = rule.replace(/^!/, '');
    if (name === '*' || file === name || file.startsWith(`${name}/`)) sent = rule.startsWith('!');
  }
  return sent;
}

/** The packages that `npm ci --omit=dev --omit=optional` installs, according to the lock file. */
export async function productionPackages(): Promise<string[]> {
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([folder, { dev, optional, devOptional }]) => folder && !dev && !optional && !devOptional)
    .map(([folder]) => folder);
}

/** The first bytes of programs and libraries for Linux, macOS and Windows. */
const MAGIC_NUMBERS = ['7f454c46', 'cffaedfe', 'cafebabe', '4d5a9000'];

/** Recognizes binaries by their first bytes, whatever their names. */
async function findBinaries(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const binaries: string[] = [];
  for (const file of files) {
    const handle = await open(file);
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4).finally(() => handle.close());
    if (MAGIC_NUMBERS.includes(buffer.toString('hex'))) binaries.push(file);
  }
  return binaries;
}

/** Hard-links a package's files. Packages nested in it have their own entries in the lock file. */
async function linkFolder(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1));
  const own = files.filter((file) => !file.split('/').includes('node_modules'));
  for (const folder of new Set(own.map((file) => dirname(join(to, file))))) await mkdir(folder, { recursive: true });
  await Promise.all(own.map((file) => link(join(from, file), join(to, file))));
}
