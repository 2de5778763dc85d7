import type { Receipt } from './receipt.ts';

/** An event of a run, as its log line shows it. */
export interface RunEvent {
  runId: string;
  at: Date;
  level: string;
  event: string;
  /** the line's other fields, which are redacted before they are stored */
  details: Readonly<Record<string, unknown>>;
}

/**
 * What is kept of an event:
 * - start: of a claim, which is kept with the next event of its run
 * - nothing: of the success of a window without rows, and of its claim. There are thousands of them a minute, and the run says the same
 * - event: of all others
 */
export function keptOf({ event, level, details }: RunEvent): 'start' | 'nothing' | 'event' {
  if (event === 'run_claimed') return 'start';
  return event === 'run_succeeded' && level === 'info' && isEmpty(details.receipt as Partial<Receipt>) ? 'nothing' : 'event';
}

function isEmpty({ processed, equal, rows_erased, rows_after, updated, deleted }: Partial<Receipt>): boolean {
  const others = [equal, rows_erased, rows_after];
  return processed === 0 && updated === 0 && deleted === 0 && others.every((counted) => counted === undefined);
}
