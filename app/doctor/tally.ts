import { type Answer, notTried, type Probe, type Switch } from './probe.ts';
import { tell } from './tell.ts';

/** Tries assumptions one after the other, and says what came of each in a line. */
export class Tally {
  /** assumptions that do not hold, and that no switch which is set goes around */
  failures = 0;
  #held = 0;
  #refuted = 0;
  #untried = 0;
  readonly #set: ReadonlySet<Switch>;
  readonly #print: (line: string) => void;

  /** @param set the switches that are set: what they go another way about is not relied upon */
  constructor(set: ReadonlySet<Switch>, print: (line: string) => void) {
    this.#set = set;
    this.#print = print;
  }

  /** Tries all of them on a bench; where there is none, says why. Leaves off when told to stop. */
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
    const counts = `${this.#held} yes, ${this.#refuted} no, ${this.#untried} not tried.`;
    return this.failures > 0 ? `${counts} ${this.failures} of what does not hold is not gone around: its line says what follows.` : counts;
  }

  #note<Bench>(probe: Probe<Bench>, { holds, seen }: Answer, stop: AbortSignal): void {
    if (holds === null) {
      this.#untried++;
      this.#print(`--   ${probe.what}: not tried, ${seen}`);
    } else if (holds) {
      this.#held++;
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
    if (this.#isSet(probe)) return `${probe.switch} is set: it is not relied upon.`;
    return probe.switch ? `Set ${probe.switch}.` : (probe.ifNot ?? 'There is no way around it.');
  }
}

/** What refuses to work does not hold. */
async function tryOne<Bench>(probe: Probe<Bench>, bench: Bench): Promise<Answer> {
  try {
    return await probe.try(bench);
  } catch (error) {
    return { holds: false, seen: tell(error) };
  }
}
