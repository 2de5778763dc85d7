import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { createDataset, findMissingDatasets, missingDatasets } from '../bigquery/datasets.ts';
import type { Warehouse } from '../bigquery/warehouse.ts';

/** Where a question is asked: the terminal. */
export interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream;
}

/**
 * Creates the datasets that are missing, once the user agreed: by `yes`, or by the answer to one question on the terminal.
 * @throws AppError bigquery_refused, which says how to create them, when the user does not agree or cannot be asked
 */
export async function offerDatasets(
  warehouse: Warehouse,
  datasets: readonly string[],
  { yes, terminal, stop }: { yes: boolean; terminal: Terminal; stop: AbortSignal },
): Promise<void> {
  const missing = await findMissingDatasets(warehouse, datasets);
  if (missing.length === 0) return;
  if (!yes && !terminal.input.isTTY) throw missingDatasets(warehouse, missing, 'Or start with --yes, which creates them.');
  const question = `Create ${missing.join(' and ')} in the project ${warehouse.project}, in ${warehouse.location}? [y/N] `;
  if (!yes && !(await agrees(question, terminal, stop))) throw missingDatasets(warehouse, missing);
  for (const name of missing) await createDataset(warehouse, name);
}

/** Ctrl-C and the end of the input are a no. */
async function agrees(question: string, { input, output }: Terminal, stop: AbortSignal): Promise<boolean> {
  using lines = createInterface({ input, output, terminal: false });
  const ended = once(lines, 'close').then(() => '');
  const answer = await Promise.race([lines.question(question, { signal: stop }).catch(() => ''), ended]);
  return /^y(es)?$/i.test(answer.trim());
}
