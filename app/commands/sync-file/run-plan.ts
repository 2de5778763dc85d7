import { optionText } from '../../core/jobs/job-options.ts';
import type { Step } from '../../core/jobs/sync-plan.ts';
import { mapConcurrently } from '../../core/map-concurrently.ts';
import { RemoteError, type RemoteService } from '../remote/remote-service.ts';
import type { PlannedStep } from './make-plan.ts';

/** Steps at the same time. Each creation makes a few calls to Salesforce, one after the other. */
const CONCURRENCY = 8;

/** What became of a step. */
export interface Outcome extends PlannedStep {
  /** undefined: done */
  failure: string | undefined;
}

/** Whether a step changes something. */
export function isChange({ kind }: Step): boolean {
  return kind === 'create' || kind === 'change' || kind === 'pause' || kind === 'resume';
}

/**
 * Takes the steps that change something, several at a time. A step that fails does not stop the others, unless they would fail, too.
 * @param report is called after each step
 * @throws RemoteError if no step can succeed
 */
export async function runPlan(
  service: RemoteService,
  steps: readonly PlannedStep[],
  stop: AbortSignal,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const changes = steps.filter(({ step }) => isChange(step));
  return await mapConcurrently(
    CONCURRENCY,
    stop,
    () => changes,
    async (planned) => {
      const outcome = { ...planned, failure: await attempt(service, planned) };
      report(outcome);
      return outcome;
    },
  );
}

async function attempt(service: RemoteService, planned: PlannedStep): Promise<string | undefined> {
  try {
    await take(service, planned);
    return undefined;
  } catch (error) {
    if (!(error instanceof RemoteError) || error.isFinal) throw error;
    return error.message;
  }
}

async function take(service: RemoteService, { connection, step }: PlannedStep): Promise<void> {
  const job = { user_id: connection.user_id, object_name: step.objectName };
  switch (step.kind) {
    case 'create': {
      const options = Object.fromEntries(Object.entries(step.options).map(([name, value]) => [name, optionText(value)]));
      await service.send('POST', 'create_importing_job', { ...job, ...options });
      if (step.paused) await service.send('POST', 'pause_importing_job', job);
      break;
    }
    case 'change':
      await service.send('PATCH', `v1/jobs/${step.jobId}`, Object.fromEntries(step.changes.map(({ name, to }) => [name, to])));
      break;
    case 'pause':
      await service.send('POST', 'pause_importing_job', job);
      break;
    case 'resume':
      await service.send('POST', 'resume_importing_job', job);
      break;
  }
}
