/** Taken once: looking them up in the global object costs more than they do. */
const { floor, imul } = Math;

/** Repeatable chance: the same numbers in give the same throws out, on every machine. */
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

  /** A whole number in [from, to], both included. */
  between(from: number, to: number): number {
    return from + floor(this.next() * (to - from + 1));
  }

  /** True once in so many throws, on average. */
  onceIn(throws: number): boolean {
    return this.next() * throws < 1;
  }

  pick<T>(list: readonly T[]): T {
    return list[floor(this.next() * list.length)] as T;
  }
}

/** A number that stands for a text, so that names can be seeds. */
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
