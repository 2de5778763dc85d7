import { spawn } from 'node:child_process';

/** Opens a page in the user's browser. Fails silently: the page's address is also printed. */
export function openBrowser(url: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(program, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
