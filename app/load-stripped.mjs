// Preloaded in the image, whose sources have no types left: loads them as JavaScript. Node's own loader would start its compiler for
// them, which takes 20 MB of memory.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  load: (url, context, nextLoad) =>
    url.endsWith('.ts') ? { format: 'module', source: readFileSync(new URL(url)), shortCircuit: true } : nextLoad(url, context),
});
