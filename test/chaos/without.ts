import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['app', 'test', 'package.json'];

/**
 * Plays the scenario of a guard in a copy of this tree from which its patch removes the guard.
 * @returns whether that did damage
 * @throws Error if the patch does not apply, or the scenario does not end
 */
export function doesDamageWithout(guard: string, seed: number): boolean {
  // Outside of any repository, where git would apply a patch to its root.
  const folder = mkdtempSync(join(tmpdir(), 'salesforce-bigquery-without-'));
  try {
    for (const path of COPIED) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
    symlinkSync(resolve(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const patch = join(ROOT, 'test/chaos/guards', `${guard}.patch`);
    const applied = spawnSync('git', ['apply', patch], { cwd: folder, encoding: 'utf8' });
    if (applied.status !== 0) throw new Error(`${patch} does not apply. Write it again for the current code.\n${applied.stderr}`);
    const args = ['test/chaos/chaos.ts', '--scenario', guard, '--seed', String(seed), '--json'];
    const played = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    const isDamaged = played.status !== 0;
    // The damage is expected, so only its counts are of interest.
    process.stdout.write(played.stdout);
    if (!isDamaged) process.stderr.write(played.stderr);
    if (!played.stdout.trimEnd().endsWith('}')) throw new Error(`The scenario ${guard} did not end.\n${played.stderr}`);
    return isDamaged;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
