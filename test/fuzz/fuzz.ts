// Proves that hostile requests neither stop the service nor make it reveal anything.
//   npm run fuzz -- --requests 100000 --seed 1 --json   the last line on stdout is one JSON object: see FuzzResult in run-fuzz.ts
//   npm run fuzz -- --from 4711 --requests 1            repeats one request
import { parseArgs } from 'node:util';
import { runFuzz } from './run-fuzz.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});

// Postgres ends with this process only if that exits by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const { result, wrong } = await runFuzz(Number(values.seed), Number(values.requests), progress, Number(values.from));
for (const line of wrong.slice(0, 50)) process.stderr.write(`${line}\n`);
console.log(values.json ? JSON.stringify(result) : result);
process.exitCode = wrong.length > 0 ? 1 : 0;
