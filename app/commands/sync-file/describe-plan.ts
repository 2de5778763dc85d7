import { optionText } from '../../core/jobs/job-options.ts';
import type { Step } from '../../core/jobs/sync-plan.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { wrapWords } from '../output/wrap-words.ts';
import type { PlannedStep, SyncPlan } from './make-plan.ts';

/** In this order; the others are only counted or grouped. */
const SHOWN = ['create', 'change', 'resume', 'pause', 'refused', 'missing'] as const;

/** A plan as lines: a table of what changes and what needs attention, what patterns leave out, and a summary. */
export function describePlan({ steps, warnings }: SyncPlan): string[] {
  const shown = SHOWN.flatMap((kind) => steps.filter(({ step }) => step.kind === kind));
  const paused = steps.filter(({ step }) => step.kind === 'unchanged' && step.leftPaused).length;
  return [
    ...(shown.length > 0 ? [...describeSteps(shown), ''] : []),
    ...describeLeftOut(steps.flatMap(({ step }) => (step.kind === 'left out' ? [step] : []))),
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...(paused > 0 ? [`Paused, and left so because the file does not say paused: false: ${jobs(paused)}.`] : []),
    summarize(steps),
  ];
}

function describeSteps(shown: readonly PlannedStep[]): string[] {
  const names = ['action', 'connection', 'object', 'details'];
  const rows = shown.map(({ connection, step }) => [step.kind, connection.name, step.objectName, describeDetails(step)]);
  return terminalTable(
    names.map((name) => ({ name, numeric: false })),
    rows,
  );
}

/** What a step changes, or why it changes nothing. */
export function describeDetails(step: Step): string {
  switch (step.kind) {
    case 'create': {
      const options = Object.entries(step.options).map(([name, value]) => `${name}=${optionText(value)}`);
      const doubt = step.doubt === null ? '' : ` (refused before: ${step.doubt})`;
      return `${options.join(' ')}${step.paused ? ' paused' : ''}${doubt}`;
    }
    case 'change':
      return step.changes.map(({ name, from, to }) => `${name}: ${from || 'none'} → ${to || 'none'}`).join(', ');
    case 'pause':
      return step.missing ? 'not in the file' : '';
    case 'missing':
      return step.active ? 'not in the file, and left running; --pause-missing pauses it' : 'not in the file, and paused already';
    case 'refused':
    case 'left out':
      return step.reason;
    default:
      return '';
  }
}

/** Objects that patterns match and that cannot be imported, by reason. */
export function describeLeftOut(objects: readonly { objectName: string; reason: string }[]): string[] {
  // Salesforce's reasons name the object, and would each be a group of their own.
  const groups = Map.groupBy(objects, ({ objectName, reason }) => reason.replaceAll(objectName, '<object>'));
  return [...groups].flatMap(([reason, group]) => [
    `Left out (${group.length}): ${reason}`,
    ...wrapWords(group.map(({ objectName }) => objectName).join(', '), '  '),
    '',
  ]);
}

const COUNTED = { create: 'to create', change: 'to change', resume: 'to resume', pause: 'to pause' };
const OTHERS = { unchanged: 'unchanged', missing: 'missing from the file', refused: 'refused', 'left out': 'left out' };

function summarize(steps: readonly PlannedStep[]): string {
  const counts = (words: Record<string, string>): string[] =>
    Object.entries(words).flatMap(([kind, word]) => {
      const count = steps.filter(({ step }) => step.kind === kind).length;
      return count > 0 ? [`${count.toLocaleString('en')} ${word}`] : [];
    });
  const changes = counts(COUNTED).join(', ');
  const others = counts(OTHERS).join(', ');
  return `${changes ? `Plan: ${changes}.` : 'Nothing to change.'}${others && ` (${others})`}`;
}

function jobs(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'job' : 'jobs'}`;
}
