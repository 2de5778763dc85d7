// What the service costs, in CPU, memory, calls and jobs: source, service and sink are processes of their own.
//   npm run bench                        a table, in about ten minutes
//   npm run bench -- --json              one object of named numbers, with the monthly costs by profile
//   npm run bench -- --only windows      some of: pipe, parsing, memory, start, windows, queue, lists, live, requests, whole, rebuild, sweep
//   npm run bench -- --only cost         the windows, and what they cost per month for companies of three sizes
//   npm run bench -- --peers             the same import by Airbyte's and Singer's connectors, from PyPI; needs python3
//   npm run bench -- --profile pipe      flame graphs of the service and of the bare pipe, as pages under .local/profiles; or window
//   npm run bench -- --objects=1200      an org of 1,200 custom objects, set up by apply and imported; in minutes
//   npm run bench -- --large             10 million rows of 40 columns through the local Salesforce and BigQuery; or --large=1000000
import { parseArgs } from 'node:util';
import {
  againstParsing,
  againstPipe,
  type Figures,
  large,
  lists,
  live,
  manyObjects,
  memory,
  queue,
  rebuild,
  requests,
  start,
  sweep,
  whole,
  windows,
} from './figures.ts';
import { MEANINGS } from './meanings.ts';
import { type MeasuredWindows, monthlyCosts, monthlyTable } from './monthly-costs.ts';
import { DataPlane } from './move/data-plane.ts';
import { comparePeers, peersTable } from './peers.ts';
import { isProfiled, type Profiled, profile } from './profile.ts';

const LARGE_ROWS = 10_000_000;

const DATA_PLANE = { pipe: againstPipe, parsing: againstParsing, memory };
const WHOLE = { start, windows, queue, lists, live, requests, whole, rebuild, sweep };

/** The part that computes from what `windows` measures. */
const COST = 'cost';
const MONTHLY = "Per month, without sweeps and first imports, at BigQuery's list prices:";
const WIDTH = process.stdout.columns || Number.POSITIVE_INFINITY;

const { asked, json, objects, peers, profiled } = readArguments(process.argv.slice(2));
if (profiled) {
  for (const page of await profile(profiled)) console.log(page);
} else if (peers) {
  const compared = await comparePeers();
  console.log(json ? JSON.stringify(compared, null, 2) : peersTable(compared));
} else {
  const figures = objects ? await manyObjects(objects) : typeof asked === 'number' ? await large(asked) : await measure(asked);
  const monthly = typeof asked === 'object' && asked.has(COST) ? monthlyCosts(figures as Figures & MeasuredWindows) : undefined;
  if (json) console.log(JSON.stringify({ ...figures, ...(monthly && { monthly }) }, null, 2));
  else console.log([tableOf(figures), ...(monthly ? ['', MONTHLY, ...monthlyTable(monthly, WIDTH)] : [])].join('\n'));
}

/** `--large` may have a number of rows, or none: the parser knows options with a value, or without. */
function readArguments(args: string[]): {
  asked: Set<string> | number;
  json: boolean;
  objects: number | undefined;
  peers: boolean;
  profiled: Profiled | undefined;
} {
  const { values } = parseArgs({
    args: args.map((arg) => (arg === '--large' ? `--large=${LARGE_ROWS}` : arg)),
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      large: { type: 'string' },
      objects: { type: 'string' },
      peers: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  });
  const { json, peers, profile: profiled } = values;
  const objects = values.objects === undefined ? undefined : Number(values.objects);
  if (profiled !== undefined && !isProfiled(profiled)) throw new Error('Use --profile pipe or --profile window.');
  if (objects !== undefined) return { asked: new Set(), json, objects, peers, profiled };
  if (values.large !== undefined) return { asked: Number(values.large), json, objects, peers, profiled };
  const parts = values.only ?? [...Object.keys(DATA_PLANE), ...Object.keys(WHOLE), COST];
  return { asked: new Set(parts.flatMap((part) => (part === COST ? ['windows', part] : part))), json, objects: undefined, peers, profiled };
}

async function measure(parts: Set<string>): Promise<Figures> {
  const figures: Figures = {};
  await using plane = await DataPlane.start();
  for (const [name, part] of Object.entries(DATA_PLANE)) if (parts.has(name)) Object.assign(figures, await announce(name, part(plane)));
  for (const [name, part] of Object.entries(WHOLE)) if (parts.has(name)) Object.assign(figures, await announce(name, part()));
  return figures;
}

/** Shows progress on stderr, because a measurement takes minutes. */
async function announce(name: string, work: Promise<Figures>): Promise<Figures> {
  console.error(`Measuring ${name} …`);
  return await work;
}

function tableOf(measured: Figures): string {
  const rows = Object.entries(MEANINGS).flatMap(([name, { figure, max, min }]) => {
    const value = measured[name];
    if (value === undefined) return [];
    const limits = [...(max === undefined ? [] : [`≤ ${format(max)}`]), ...(min === undefined ? [] : [`≥ ${format(min)}`])];
    const isMissed = value > (max ?? value) || value < (min ?? value);
    return [[name, format(value), [...limits, ...(isMissed ? ['MISSED'] : [])].join(' '), figure]];
  });
  const cells = [['name', 'measured', 'limit', 'figure'], ...rows];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function format(value: number): string {
  return Number.isInteger(value) ? String(value) : value < 10 ? value.toFixed(3) : value.toFixed(1);
}
