import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Profile } from './profiler.ts';

const VIEWER = join(dirname(fileURLToPath(import.meta.resolve('speedscope/package.json'))), 'dist/release');

/**
 * Writes a profile twice: as a .cpuprofile, for a browser's or editor's own tools, and as a page that contains its viewer, so that it can
 * be opened offline and attached to a pull request.
 * @returns the path of the page
 */
export async function writeFlameGraph(folder: string, name: string, profile: Profile): Promise<string> {
  await mkdir(folder, { recursive: true });
  const json = JSON.stringify(profile);
  const page = join(folder, `${name}.html`);
  await writeFile(join(folder, `${name}.cpuprofile`), json);
  await writeFile(page, pageOf(name, json, await readViewer('.css'), await readViewer('.js')));
  return page;
}

/** The names of speedscope's files contain hashes of their contents. */
async function readViewer(extension: string): Promise<string> {
  const file = (await readdir(VIEWER)).find((name) => name.startsWith('speedscope-') && name.endsWith(extension));
  return await readFile(join(VIEWER, file!), 'utf8');
}

/** With `localProfilePath`, speedscope waits for a script that calls its function with the profile: here the page itself calls it. */
function pageOf(name: string, json: string, css: string, js: string): string {
  const profile = [`${name}.cpuprofile`, Buffer.from(json).toString('base64')].map((text) => JSON.stringify(text)).join(', ');
  return `<!doctype html>
<meta charset="utf-8">
<title>${name}</title>
<style>${css}</style>
<body>
<script>
location.hash ||= 'localProfilePath=none&view=left-heavy';
Object.defineProperty(window, 'speedscope', { set: ({ loadFileFromBase64 }) => loadFileFromBase64(${profile}) });
</script>
<script>${js}</script>
`;
}
