/** Looked up once: accessing the global object costs more than the calls themselves. */
const { floor, imul } = Math;

/** Repeatable pseudo-random numbers: the same seeds give the same sequence on every machine. */
export class Dice {
  #state: number;

  constructor(...seeds: number[]) {
    let state = 0x9e3779b9;
    for (const seed of seeds) state = mix(state ^ (seed | 0));
    this.#state = state;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    return (mix(this.#state) >>> 0) / 4294967296;
  }

  /** An integer in [from, to], inclusive. */
  between(from: number, to: number): number {
    return from + floor(this.next() * (to - from + 1));
  }

  /** True once in this many calls, on average. */
  onceIn(throws: number): boolean {
    return this.next() * throws < 1;
  }

  pick<T>(list: readonly T[]): T {
    return list[floor(this.next() * list.length)] as T;
  }
}

/** Hashes a text to a number, so that names can be seeds. */
export function textSeed(text: string): number {
  let seed = text.length;
  for (let index = 0; index < text.length; index++) seed = mix(seed ^ text.charCodeAt(index));
  return seed;
}

function mix(value: number): number {
  let mixed = imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
