import * as pulumi from '@pulumi/pulumi';

/** A stack's configuration as Pulumi returns it: every value is text, lists are JSON. */
export type RawConfig = (key: string) => string | undefined;

/** Reads values and collects faults, so that one error can report all of them. */
export class ConfigReader {
  readonly #raw: RawConfig;
  readonly #isEncrypted: (key: string) => boolean;
  readonly #read = new Set<string>();
  readonly #faults: string[] = [];

  constructor(raw: RawConfig, isEncrypted: (key: string) => boolean) {
    this.#isEncrypted = isEncrypted;
    this.#raw = (key) => {
      this.#read.add(key);
      return raw(key);
    };
  }

  fault(sentence: string): void {
    this.#faults.push(sentence);
  }

  /** Required text that matches `shape` and is not a placeholder. */
  text(key: string, meaning: string, shape: RegExp): string {
    const value = this.#raw(key)?.trim();
    if (!value) this.fault(`${key} is not set. Set it to ${meaning}.`);
    else if (value.includes('<') || !shape.test(value)) this.fault(`${key} is ${JSON.stringify(value)}. Set it to ${meaning}.`);
    return value ?? '';
  }

  optionalText(key: string, meaning: string, shape: RegExp): string | undefined {
    return this.#raw(key)?.trim() ? this.text(key, meaning, shape) : undefined;
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[]): Choice {
    const value = this.#raw(key)?.trim();
    const choice = choices.find((candidate) => candidate === value);
    if (!choice) this.fault(`${key} is ${value ? JSON.stringify(value) : 'not set'}. Set it to one of: ${choices.join(', ')}.`);
    return choice ?? choices[0]!;
  }

  /** @returns NaN for an invalid value: no later comparison with it is true, so one mistake is one fault */
  integer(key: string, min: number, max: number): number {
    const text = this.#raw(key)?.trim();
    const value = Number(text || Number.NaN);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    this.fault(`${key} is ${text ? JSON.stringify(text) : 'not set'}. Set it to an integer between ${min} and ${max}.`);
    return Number.NaN;
  }

  share(key: string): number {
    const text = this.#raw(key)?.trim();
    const value = Number(text || Number.NaN);
    if (!(value >= 0.01 && value <= 1)) {
      this.fault(`${key} is ${text ? JSON.stringify(text) : 'not set'}. Set it to a number between 0.01 and 1.`);
    }
    return value;
  }

  flag(key: string): boolean {
    return this.choice(key, ['false', 'true']) === 'true';
  }

  /** A list of distinct texts that match `shape`. */
  list(key: string, meaning: string, shape: RegExp, min = 0): string[] {
    const values = this.#array(key).map(String);
    const invalid = values.filter((value) => value.includes('<') || !shape.test(value));
    for (const value of invalid) this.fault(`${key} contains ${JSON.stringify(value)}. Each entry must be ${meaning}.`);
    if (values.length < min) this.fault(`${key} has too few entries: ${values.length}, minimum ${min}. Each entry must be ${meaning}.`);
    if (new Set(values).size !== values.length) this.fault(`${key} contains a duplicate. List each entry once.`);
    return values;
  }

  /** A secret, which no fault repeats. */
  secret(key: string, meaning: string, isValid: (value: string) => boolean): pulumi.Output<string> {
    const value = this.#raw(key)?.trim();
    if (!value) this.fault(`${key} is not set. Set it to ${meaning} with \`npm run pulumi -- config set --secret ${key}\`.`);
    else if (!this.#isEncrypted(key))
      this.fault(`${key} is not encrypted. Set it again with \`npm run pulumi -- config set --secret ${key}\`.`);
    else if (!isValid(value)) this.fault(`${key} is invalid. Set it to ${meaning}.`);
    return pulumi.secret(value ?? '');
  }

  optionalSecret(key: string, meaning: string, isValid: (value: string) => boolean): pulumi.Output<string> | undefined {
    return this.#raw(key)?.trim() ? this.secret(key, meaning, isValid) : undefined;
  }

  /** Reports each of these keys that was not read: it has no effect. */
  refuseUnknown(keys: readonly string[]): void {
    for (const key of keys.filter((one) => !this.#read.has(one))) {
      const meant = [...this.#read].find((known) => known.toLowerCase() === key.toLowerCase());
      const hint = meant ? `. Did you mean ${meant}?` : '; Pulumi.yaml lists them.';
      this.fault(`${key} is not a configuration key${hint} Remove it with \`npm run pulumi -- config rm ${key}\`.`);
    }
  }

  /** @throws RunError with every fault; Pulumi prints it without a stack trace */
  finish(): void {
    const faults = this.#faults;
    if (faults.length === 0) return;
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    throw new pulumi.RunError(`The stack configuration has ${count}:\n${faults.map((fault) => `- ${fault}`).join('\n')}`);
  }

  #array(key: string): unknown[] {
    const text = this.#raw(key)?.trim();
    if (!text) return [];
    try {
      const value: unknown = JSON.parse(text);
      if (Array.isArray(value)) return value;
    } catch {
      // Reported below.
    }
    this.fault(`${key} is not a list. Set entries with \`pulumi config set --path '${key}[0]' …\`, or edit the stack's file.`);
    return [];
  }
}
