import { setTimeout as sleep } from 'node:timers/promises';
import { Dice, textSeed } from '../../app/local/emulators/salesforce/org/dice.ts';
import type { ServiceProcess } from './service-process.ts';
import type { Point, Side } from './steps.ts';

/** What happens to the reply of one call: it is cut, or stalls, after this part of its bytes, or the call is never answered. */
export type Mishap = {
  side: Side;
  /** only a call at this step; undefined: any call */
  step?: string;
} & ({ kind: 'cut' | 'stall'; at: number } | { kind: 'silence' });

/** A call that waits at a proxy, as if the network delayed it. */
export interface Hold {
  /** resolves with the process whose call waits */
  reached: Promise<ServiceProcess>;
  release(): void;
  /** The call never arrives: its process was killed before. */
  drop(): void;
}

interface Waiting {
  matches: (step: string, process: ServiceProcess) => boolean;
  reached: PromiseWithResolvers<ServiceProcess>;
  released: PromiseWithResolvers<void>;
}

/** How long a kill waits for a step that its seed prefers, and then for any step at which no process was killed so far. */
const PREFERRED_MS = 3_000;
const NEW_MS = 6_000;
/** One step in this many is preferred. */
const PREFERENCE = 10;
/** A step is rare if it occurred at most once in this many kills: a kill takes it at once, because it may not come again. */
const RARITY = 20;

/** Of the steps that occurred, where a process was killed. */
interface Coverage {
  /** before or after */
  steps: { covered: number; known: number };
  /** before and after, each by itself */
  points: { covered: number; known: number };
  /** the steps at which none was */
  missing: string[];
}

/** Decides at the proxies what happens at each step, and remembers what happened. */
export class Violence {
  readonly #seed: number;
  /** how often each point of each step occurred */
  readonly #occurred = new Map<string, number>();
  readonly #killedAt = new Set<string>();
  /** every kill so far, such as `a: bigquery POST /jobs merge after` */
  readonly kills: string[] = [];
  #armed: { since: number; number: number; killed: PromiseWithResolvers<void> } | undefined;
  #mishaps: Mishap[] = [];
  readonly #met: { step: string; kind: Mishap['kind'] }[] = [];
  #repeats = 0;
  #waiting: Waiting[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  get coverage(): Coverage {
    const points = [...this.#occurred.keys()];
    const steps = [...new Set(points.map(stepOf))].sort();
    const missing = steps.filter((step) => !this.#isCovered(step));
    return {
      steps: { covered: steps.length - missing.length, known: steps.length },
      points: { covered: points.filter((name) => this.#killedAt.has(name)).length, known: points.length },
      missing,
    };
  }

  /** A process has reached a step: it goes on, later if it is held. @throws Error if the process was killed instead */
  async reach(process: ServiceProcess | undefined, step: string, point: Point): Promise<void> {
    if (!process) return;
    const name = `${step} ${point}`;
    this.#occurred.set(name, (this.#occurred.get(name) ?? 0) + 1);
    for (const hold of this.#waiting.filter(({ matches }) => matches(name, process))) {
      this.#waiting = this.#waiting.filter((other) => other !== hold);
      hold.reached.resolve(process);
      await hold.released.promise;
    }
    const armed = this.#armed;
    if (!armed || !process.isAlive || !this.#isChosen(name, armed, process.url !== undefined)) return;
    this.#armed = undefined;
    this.#killedAt.add(name);
    await this.kill(process, name);
    armed.killed.resolve();
    throw new Error(`${process.name} was killed.`);
  }

  /** Kills the next process that reaches this step, such as `bigquery POST /jobs merge after`. */
  async killAt(step: string): Promise<void> {
    const hold = this.hold((name) => name === step);
    await this.kill(await hold.reached, step);
    hold.drop();
  }

  /** Kills the process that reaches one of the next steps, preferably a step at which none was killed so far. */
  async killAtStep(): Promise<void> {
    const killed = Promise.withResolvers<void>();
    this.#armed = { since: performance.now(), number: this.kills.length, killed };
    await killed.promise;
  }

  async kill(process: ServiceProcess, where: string): Promise<void> {
    this.kills.push(`${process.name}: ${where}`);
    await process.end('SIGKILL');
  }

  /** Makes the next call wait that matches. @param matches of a step, such as `bigquery POST /jobs merge after` */
  hold(matches: Waiting['matches']): Hold {
    const waiting = { matches, reached: Promise.withResolvers<ServiceProcess>(), released: Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    const end = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    };
    return {
      reached: waiting.reached.promise,
      release() {
        end();
        waiting.released.resolve();
      },
      drop() {
        end();
        waiting.released.reject(new Error('Its process was killed.'));
      },
    };
  }

  /** Holds the next call of any process at a step for a while. */
  async holdFor(ms: number): Promise<ServiceProcess | undefined> {
    const hold = this.hold(() => true);
    const process = await Promise.race([hold.reached, sleep(ms, undefined)]);
    if (process) sleep(ms).then(hold.release, () => {});
    else hold.release();
    return process;
  }

  addMishap(mishap: Mishap): void {
    this.#mishaps.push(mishap);
  }

  /** Takes a mishap that meets a call at this step. */
  takeMishap(side: Side, step: string): Mishap | undefined {
    const mishap = this.#mishaps.find((each) => each.side === side && (each.step ?? step) === step);
    this.#mishaps = this.#mishaps.filter((each) => each !== mishap);
    if (mishap) this.#met.push({ step, kind: mishap.kind });
    return mishap;
  }

  /** How many mishaps of a kind have met calls at a step. */
  countMet(step: string, kind: Mishap['kind']): number {
    return this.#met.filter((each) => each.step === step && each.kind === kind).length;
  }

  /** Makes the next Bulk page that can be an earlier one repeat that. */
  repeatPage(): void {
    this.#repeats++;
  }

  takeRepeat(): boolean {
    return this.#repeats > 0 && this.#repeats-- > 0;
  }

  /** From now on, nothing happens any more. */
  end(): void {
    this.#armed = undefined;
    this.#mishaps = [];
    this.#repeats = 0;
    for (const { released } of this.#waiting) released.resolve();
    this.#waiting = [];
  }

  #isCovered(step: string): boolean {
    return this.#killedAt.has(`${step} before`) || this.#killedAt.has(`${step} after`);
  }

  /** A process that is starting is killed at most once at each of its steps: otherwise none would ever work. */
  #isChosen(name: string, { since, number }: { since: number; number: number }, isUp: boolean): boolean {
    const waited = performance.now() - since;
    const isPreferred = new Dice(this.#seed, number, textSeed(name)).onceIn(PREFERENCE);
    const isNew = this.#isCovered(stepOf(name)) ? !this.#killedAt.has(name) && waited > PREFERRED_MS : true;
    const isRare = this.#occurred.get(name)! * RARITY <= number;
    return (isUp && waited > NEW_MS) || (isNew && (isPreferred || isRare || waited > PREFERRED_MS));
  }
}

/** The step of a point, such as `bigquery POST /jobs merge` of `bigquery POST /jobs merge after`. */
function stepOf(point: string): string {
  return point.slice(0, point.lastIndexOf(' '));
}
