import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Koa from 'koa';

const resolvePackage = createRequire(import.meta.url).resolve;

/** Ours, and those of htmx. */
const SOURCES = {
  'console.css': new URL('assets/console.css', import.meta.url),
  'console.js': new URL('assets/console.js', import.meta.url),
  'icon.svg': new URL('assets/icon.svg', import.meta.url),
  // In one file: htmx starts after its own script, and would miss an extension that arrives later.
  'htmx.js': [resolvePackage('htmx.org/dist/htmx.min.js'), resolvePackage('htmx.org/dist/ext/hx-sse.min.js')],
};

export type StaticFile = keyof typeof SOURCES;

const FILES = new Map(
  Object.entries(SOURCES).map(([name, sources]) => [
    name,
    Buffer.concat([sources].flat().flatMap((source) => [readFileSync(source), Buffer.from('\n')])),
  ]),
);

/** The addresses contain it, so browsers may keep the files until another release serves others. */
const VERSION = createHash('sha256')
  .update(Buffer.concat([...FILES.values()]))
  .digest('hex')
  .slice(0, 12);

const FOLDER = '/console/static/';

/** The address of a file. */
export function staticUrl(name: StaticFile): string {
  return `${FOLDER}${VERSION}/${name}`;
}

/** Serves a file, if the request is for one. @returns whether it is */
export function serveStatic(ctx: Koa.Context): boolean {
  if (!ctx.path.startsWith(FOLDER) || !['GET', 'HEAD'].includes(ctx.method)) return false;
  const [version, name = ''] = ctx.path.slice(FOLDER.length).split('/');
  const content = FILES.get(name);
  // A page of another release, during a deployment: these are not its files.
  if (version !== VERSION || !content) return false;
  ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
  ctx.type = name.slice(name.lastIndexOf('.'));
  ctx.body = content;
  return true;
}
