import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { createDataset, findMissingDatasets, missingDatasetsError } from '../bigquery/tables/datasets.ts';
import type { Warehouse } from '../bigquery/warehouse.ts';

/** The terminal that the user is prompted on. */
export interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream;
}

/**
 * Creates the missing datasets if the user agrees, through `yes` or by answering one prompt on the terminal.
 * @throws AppError bigquery_refused, which says how to create them, if the user declines or there is no terminal
 */
export async function offerDatasets(
  warehouse: Warehouse,
  datasets: readonly string[],
  { yes, terminal, stop }: { yes: boolean; terminal: Terminal; stop: AbortSignal },
): Promise<void> {
  const missing = await findMissingDatasets(warehouse, datasets);
  if (missing.length === 0) return;
  if (!yes && !terminal.input.isTTY) throw missingDatasetsError(warehouse, missing, 'Or start with --yes to create them automatically.');
  const question = `Create ${missing.join(' and ')} in project ${warehouse.project}, location ${warehouse.location}? [y/N] `;
  if (!yes && !(await agrees(question, terminal, stop))) throw missingDatasetsError(warehouse, missing);
  for (const name of missing) await createDataset(warehouse, name);
}

/** Ctrl-C and end of input mean no. */
async function agrees(question: string, { input, output }: Terminal, stop: AbortSignal): Promise<boolean> {
  using lines = createInterface({ input, output, terminal: false });
  const ended = once(lines, 'close').then(() => '');
  const answer = await Promise.race([lines.question(question, { signal: stop }).catch(() => ''), ended]);
  return /^y(es)?$/i.test(answer.trim());
}
