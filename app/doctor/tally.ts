import { type Answer, notTried, type Probe, type Switch } from './probe.ts';
import { tell } from './tell.ts';

/** Checks assumptions one by one and prints a line for each. */
export class Tally {
  /** assumptions that do not hold and that no setting works around */
  failures = 0;
  #confirmed = 0;
  #refuted = 0;
  #untried = 0;
  readonly #set: ReadonlySet<Switch>;
  readonly #print: (line: string) => void;

  /** @param set the switches that are set; the service does not depend on what they work around */
  constructor(set: ReadonlySet<Switch>, print: (line: string) => void) {
    this.#set = set;
    this.#print = print;
  }

  /** Runs all probes on a bench. If `bench` is a string, it is the reason why none can run. Stops when `stop` aborts. */
  async tryAll<Bench extends object>(
    title: string,
    probes: readonly Probe<Bench>[],
    bench: Bench | string,
    stop: AbortSignal,
  ): Promise<void> {
    if (!stop.aborted) this.#print(`\n${title}`);
    for (const probe of probes) {
      if (stop.aborted) return;
      this.#note(probe, typeof bench === 'string' ? notTried(bench) : await tryOne(probe, bench), stop);
    }
  }

  summary(): string {
    const counts = `${this.#confirmed} yes, ${this.#refuted} no, ${this.#untried} not tried.`;
    return this.failures > 0 ? `${counts} No setting works around ${this.failures} of the failures: see their lines above.` : counts;
  }

  #note<Bench>(probe: Probe<Bench>, { holds, seen }: Answer, stop: AbortSignal): void {
    if (holds === null) {
      this.#untried++;
      this.#print(`--   ${probe.what}: not tried, ${seen}`);
    } else if (holds) {
      this.#confirmed++;
      this.#print(`yes  ${probe.what}: ${seen}`);
    } else if (!stop.aborted) {
      this.#refuted++;
      if (!this.#isSet(probe)) this.failures++;
      this.#print(`no   ${probe.what}: ${seen.replace(/\.$/, '')}. ${this.#advice(probe)}`);
    }
  }

  #isSet<Bench>(probe: Probe<Bench>): boolean {
    return probe.switch !== undefined && this.#set.has(probe.switch);
  }

  #advice<Bench>(probe: Probe<Bench>): string {
    if (this.#isSet(probe)) return `${probe.switch} is set, so the service does not rely on it.`;
    return probe.switch ? `Set ${probe.switch}.` : (probe.ifNot ?? 'There is no workaround.');
  }
}

/** A probe that throws counts as failed. */
async function tryOne<Bench>(probe: Probe<Bench>, bench: Bench): Promise<Answer> {
  try {
    return await probe.try(bench);
  } catch (error) {
    return { holds: false, seen: tell(error) };
  }
}
