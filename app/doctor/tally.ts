import { errorMessage } from '../core/error-message.ts';
import { notTested, type Probe, type ProbeResult, type Workaround } from './probe.ts';

/** Checks assumptions one by one and prints a line for each. */
export class Tally {
  /** assumptions that proved wrong and that no setting works around */
  failures = 0;
  #confirmed = 0;
  #refuted = 0;
  #untested = 0;
  readonly #set: ReadonlySet<Workaround>;
  readonly #print: (line: string) => void;

  /** @param set the workarounds in effect; the service does not rely on what they work around */
  constructor(set: ReadonlySet<Workaround>, print: (line: string) => void) {
    this.#set = set;
    this.#print = print;
  }

  /** Runs all probes on a subject. If `subject` is a string, it is the reason why none can run. Stops when `stop` aborts. */
  async runAll<Subject extends object>(
    title: string,
    probes: readonly Probe<Subject>[],
    subject: Subject | string,
    stop: AbortSignal,
  ): Promise<void> {
    if (!stop.aborted) this.#print(`\n${title}`);
    for (const probe of probes) {
      if (stop.aborted) return;
      this.#record(probe, typeof subject === 'string' ? notTested(subject) : await runProbe(probe, subject), stop);
    }
  }

  summary(): string {
    const counts = `${this.#confirmed} yes, ${this.#refuted} no, ${this.#untested} not tested.`;
    return this.failures > 0 ? `${counts} No setting works around ${this.failures} of the failures: see their lines above.` : counts;
  }

  #record<Subject>(probe: Probe<Subject>, { confirmed, observed }: ProbeResult, stop: AbortSignal): void {
    if (confirmed === null) {
      this.#untested++;
      this.#print(`--   ${probe.assumption}: not tested, ${observed}`);
    } else if (confirmed) {
      this.#confirmed++;
      this.#print(`yes  ${probe.assumption}: ${observed}`);
    } else if (!stop.aborted) {
      this.#refuted++;
      if (!this.#isSet(probe)) this.failures++;
      this.#print(`no   ${probe.assumption}: ${observed.replace(/\.$/, '')}. ${this.#advice(probe)}`);
    }
  }

  #isSet<Subject>(probe: Probe<Subject>): boolean {
    return probe.workaround !== undefined && this.#set.has(probe.workaround);
  }

  #advice<Subject>(probe: Probe<Subject>): string {
    if (this.#isSet(probe)) return `${probe.workaround} is set, so the service does not rely on it.`;
    return probe.workaround ? `Set ${probe.workaround}.` : (probe.consequence ?? 'There is no workaround.');
  }
}

/** A probe that throws counts as failed. */
async function runProbe<Subject>(probe: Probe<Subject>, subject: Subject): Promise<ProbeResult> {
  try {
    return await probe.run(subject);
  } catch (error) {
    return { confirmed: false, observed: errorMessage(error) };
  }
}
