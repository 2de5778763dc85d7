import * as pulumi from '@pulumi/pulumi';

/** A stack's configuration as Pulumi gives it: every value is text, lists are JSON. */
export type RawConfig = (key: string) => string | undefined;

/** Reads values and collects what is wrong with them, so that all faults are told at once, a sentence each. */
export class ConfigReader {
  readonly #raw: RawConfig;
  readonly #faults: string[] = [];

  constructor(raw: RawConfig) {
    this.#raw = raw;
  }

  fault(sentence: string): void {
    this.#faults.push(sentence);
  }

  /** Text that must be there, look like `shape` and be no placeholder. */
  text(key: string, meaning: string, shape: RegExp): string {
    const value = this.#raw(key)?.trim();
    if (!value) this.fault(`${key} is not set: give it ${meaning}.`);
    else if (value.includes('<') || !shape.test(value)) this.fault(`${key} is ${JSON.stringify(value)}: give it ${meaning}.`);
    return value ?? '';
  }

  /** Text that may be empty. */
  optionalText(key: string, meaning: string, shape: RegExp): string | undefined {
    return this.#raw(key)?.trim() ? this.text(key, meaning, shape) : undefined;
  }

  /** One of a few words. */
  choice<Word extends string>(key: string, words: readonly Word[]): Word {
    const value = this.#raw(key)?.trim();
    const word = words.find((candidate) => candidate === value);
    if (!word) this.fault(`${key} is ${value ? JSON.stringify(value) : 'not set'}: give it one of ${words.join(', ')}.`);
    return word ?? words[0]!;
  }

  /** NaN where it is wrong, which nothing is more or less than: one mistake is told once. */
  integer(key: string, least: number, most: number): number {
    const text = this.#raw(key)?.trim();
    const value = Number(text || Number.NaN);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    this.fault(`${key} is ${text ? JSON.stringify(text) : 'not set'}: give it a whole number from ${least} to ${most}.`);
    return Number.NaN;
  }

  /** A share: a hundredth at least, at most the whole. */
  share(key: string): number {
    const value = Number(this.#raw(key)?.trim() || Number.NaN);
    if (!(value >= 0.01 && value <= 1)) this.fault(`${key} is no share: give it a number from 0.01 to 1.`);
    return value;
  }

  /** True or false, and nothing that only looks like it. */
  flag(key: string): boolean {
    return this.choice(key, ['false', 'true']) === 'true';
  }

  /** A list of texts, each of which must look like `shape`; without repetitions. */
  list(key: string, meaning: string, shape: RegExp, least = 0): string[] {
    const values = this.#array(key).map(String);
    const wrong = values.filter((value) => value.includes('<') || !shape.test(value));
    for (const value of wrong) this.fault(`${key} holds ${JSON.stringify(value)}: give it ${meaning}.`);
    if (values.length < least) this.fault(`${key} has ${values.length} of at least ${least}: give it ${meaning}.`);
    if (new Set(values).size !== values.length) this.fault(`${key} names something twice: name it once.`);
    return values;
  }

  /** A secret. What is wrong with it is told without it. */
  secret(key: string, meaning: string, isRight: (value: string) => boolean): pulumi.Output<string> {
    const value = this.#raw(key)?.trim();
    if (!value) this.fault(`${key} is not set: give it ${meaning}, by \`pulumi config set --secret ${key}\`.`);
    else if (!isRight(value)) this.fault(`${key} is not as it should be: give it ${meaning}.`);
    return pulumi.secret(value ?? '');
  }

  /** @throws RunError with every fault; Pulumi prints it without a stack trace */
  finish(): void {
    const faults = this.#faults;
    if (faults.length === 0) return;
    const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
    throw new pulumi.RunError(`The stack's configuration has ${count}:\n${faults.map((fault) => `- ${fault}`).join('\n')}`);
  }

  #array(key: string): unknown[] {
    const text = this.#raw(key)?.trim();
    if (!text) return [];
    try {
      const value: unknown = JSON.parse(text);
      if (Array.isArray(value)) return value;
    } catch {
      // Told below.
    }
    this.fault(`${key} is no list: give it one, by its places (\`config set --path '${key}[0]' …\`) or in the stack's file.`);
    return [];
  }
}
