import { readFile } from 'node:fs/promises';
import type { SyncFile } from '../../core/jobs/sync-file.ts';
import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { print, printJson } from '../output/print.ts';
import { ProgressLine } from '../output/progress-line.ts';
import { terminalTable } from '../output/terminal-table.ts';
import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';
import type { RemoteService } from '../remote/remote-service.ts';
import { describeDetails, describeLeftOut, describePlan } from '../sync-file/describe-plan.ts';
import { makePlan, type PlannedStep, type SyncPlan } from '../sync-file/make-plan.ts';
import { readSyncFile, SyncFileError } from '../sync-file/read-sync-file.ts';
import { isChange, type Outcome, runPlan } from '../sync-file/run-plan.ts';
import { readObjects } from '../sync-file/service-state.ts';

interface ApplyOptions extends RemoteOptions {
  file: string;
  dryRun?: boolean;
  pauseMissing?: boolean;
}

/** Makes the jobs of a service as a file says, and prints what changes. Never deletes a job. */
export const apply: Command<ApplyOptions> = async (input) => {
  const { file } = input.options;
  const wanted = readFileOrRefuse(file, await readText(file));
  return await serviceCommand<ApplyOptions>((service, { options, stop }) => applyFile(service, wanted, options, stop))(input);
};

function readFileOrRefuse(file: string, text: string): SyncFile {
  try {
    return readSyncFile(file, text);
  } catch (error) {
    throw error instanceof SyncFileError ? new CommandError(error.message) : error;
  }
}

async function applyFile(
  service: RemoteService,
  wanted: SyncFile,
  { file, dryRun = false, pauseMissing = false, json = false }: ApplyOptions,
  stop: AbortSignal,
): Promise<number> {
  const plan = await makePlan(service, file, wanted, pauseMissing);
  if (!json) print(describePlan(plan));
  const isRefused = plan.steps.some(({ step }) => step.kind === 'refused');
  const isTaken = !dryRun && plan.steps.some(({ step }) => isChange(step));
  const executed = isTaken ? await execute(service, plan.steps, stop) : undefined;
  if (json) printJson(toJson(plan, executed));
  else if (executed) print(describeExecuted(executed));
  return isRefused || (executed && executed.failed.length > 0) ? 1 : 0;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} cannot be read (${(error as { code?: string }).code}). Pass the path of a file with --file.`);
  }
}

/** What became of a plan. */
interface Executed {
  outcomes: readonly Outcome[];
  failed: readonly Outcome[];
  leftOut: readonly Outcome[];
}

async function execute(service: RemoteService, steps: readonly PlannedStep[], stop: AbortSignal): Promise<Executed> {
  const progress = new ProgressLine('steps', steps.filter(({ step }) => isChange(step)).length);
  const outcomes = await runPlan(service, steps, stop, ({ failure }) => progress.count(failure !== undefined)).finally(() =>
    progress.end(),
  );
  return { outcomes, ...(await explainFailures(service, outcomes)) };
}

function describeExecuted({ outcomes, failed, leftOut }: Executed): string[] {
  const names = ['failed', 'connection', 'object', 'reason'];
  const table = terminalTable(
    names.map((name) => ({ name, numeric: false })),
    failed.map(({ step, connection, failure }) => [step.kind, connection.name, step.objectName, failure!]),
  );
  const reasons = leftOut.map(({ step, failure }) => ({ objectName: step.objectName, reason: failure! }));
  return [...(failed.length > 0 ? ['', ...table] : []), '', ...describeLeftOut(reasons), summarize(outcomes)];
}

/** Each step of a plan, and what became of it; null: it changes nothing. @param executed undefined: no step was taken */
function toJson({ steps, warnings }: SyncPlan, executed: Executed | undefined): object {
  const byStep = new Map(executed?.outcomes.map((outcome) => [outcome.step, outcome]));
  const outcomeOf = (planned: PlannedStep): { outcome: string | null; error: string | null } => {
    if (!isChange(planned.step)) return { outcome: null, error: null };
    const found = byStep.get(planned.step);
    if (!executed || !found) return { outcome: 'planned', error: null };
    if (found.failure === undefined) return { outcome: 'done', error: null };
    return { outcome: executed.leftOut.includes(found) ? 'left out' : 'failed', error: found.failure };
  };
  return {
    warnings,
    steps: steps.map((planned) => ({
      action: planned.step.kind,
      connection: planned.connection.name,
      object_name: planned.step.objectName,
      details: describeDetails(planned.step),
      ...outcomeOf(planned),
    })),
  };
}

/** Objects that a pattern matches, and that turned out not to be importable, are no failure: the next plan leaves them out. */
async function explainFailures(service: RemoteService, outcomes: readonly Outcome[]): Promise<Omit<Executed, 'outcomes'>> {
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  const byPattern = failed.filter(({ step }) => step.kind === 'create' && !step.named);
  const refused = new Set<string>();
  for (const connection of new Set(byPattern.map((outcome) => outcome.connection))) {
    const objects = await readObjects(service, connection);
    for (const { name, reason } of objects) if (reason !== null) refused.add(`${connection.id}/${name}`);
  }
  const isLeftOut = (outcome: Outcome): boolean =>
    byPattern.includes(outcome) && refused.has(`${outcome.connection.id}/${outcome.step.objectName}`);
  return {
    leftOut: failed.filter(isLeftOut),
    failed: failed.filter((outcome) => !isLeftOut(outcome)),
  };
}

const DONE = { create: 'created', change: 'changed', resume: 'resumed', pause: 'paused' };

function summarize(outcomes: readonly Outcome[]): string {
  const counts = Object.entries(DONE).flatMap(([kind, word]) => {
    const count = outcomes.filter(({ step, failure }) => step.kind === kind && failure === undefined).length;
    return count > 0 ? [`${count.toLocaleString('en')} ${word}`] : [];
  });
  const created = outcomes.some(({ step, failure }) => step.kind === 'create' && failure === undefined);
  const done = counts.length > 0 ? `Done: ${counts.join(', ')}.` : 'Nothing was changed.';
  return `${done}${created ? ' The next tick starts the imports.' : ''}`;
}
