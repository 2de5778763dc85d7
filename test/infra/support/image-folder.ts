import { cp, link, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A folder with what the image's last stage holds in /app. */
export interface ImageFolder {
  [Symbol.asyncDispose](): Promise<void>;
  path: string;
  /** what of it is ours, packages left out */
  files: string[];
  /** what of its packages is a program of one kind of machine */
  binaries: string[];
}

/** Does in a folder what the Dockerfile does: the same files, by .dockerignore, and the packages that npm installs for production. */
export async function createImageFolder(): Promise<ImageFolder> {
  // Beside node_modules, so that packages can be linked and need no copy.
  await mkdir('.local', { recursive: true });
  const path = await mkdtemp('.local/test-image-');
  const files = await copiedFiles();
  for (const file of files) await cp(file, join(path, file));
  for (const folder of await productionPackages()) await linkFolder(folder, join(path, folder));
  return {
    path,
    files,
    binaries: await findBinaries(join(path, 'node_modules')),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

/** Of the last stage's COPY lines from the context, what .dockerignore lets through. */
async function copiedFiles(): Promise<string[]> {
  const lastStage = (await readFile('Dockerfile', 'utf8')).split(/^FROM /m).at(-1)!;
  const sources = [...lastStage.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
  const sent = await sentToBuilder();
  return sent.filter((file) => sources.some((source) => file === source || file.startsWith(`${source}/`))).sort();
}

/** Everything of the repository that .dockerignore lets through: the last line that fits decides. */
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

/** What `npm ci --omit=dev --omit=optional` installs, by the lock file. */
export async function productionPackages(): Promise<string[]> {
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([folder, { dev, optional, devOptional }]) => folder && !dev && !optional && !devOptional)
    .map(([folder]) => folder);
}

/** How Linux's, Apple's and Windows's programs and libraries begin. */
const PROGRAMS = ['7f454c46', 'cffaedfe', 'cafebabe', '4d5a9000'];

/** By their first bytes, whatever they are called. */
async function findBinaries(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found: string[] = [];
  for (const file of files) {
    const handle = await open(file);
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4).finally(() => handle.close());
    if (PROGRAMS.includes(buffer.toString('hex'))) found.push(file);
  }
  return found;
}

/** Links a package's files; packages inside it have lines of their own in the lock file. */
async function linkFolder(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1));
  const own = files.filter((file) => !file.split('/').includes('node_modules'));
  for (const folder of new Set(own.map((file) => dirname(join(to, file))))) await mkdir(folder, { recursive: true });
  await Promise.all(own.map((file) => link(join(from, file), join(to, file))));
}
