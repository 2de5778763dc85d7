/** Reports all configuration errors at once, one sentence each. */
export class ConfigError extends Error {
  readonly faults: string[];

  constructor(faults: string[]) {
    super(
      `The configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map((fault) => `- ${fault}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** Reads environment variables and collects the errors in them. `finish` throws them all at once. */
export class EnvReader {
  readonly env: NodeJS.ProcessEnv;
  readonly #faults: string[] = [];

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  fault(sentence: string): void {
    this.#faults.push(sentence);
  }

  text(name: string, meaning: string, fallback?: string): string {
    const value = this.env[name]?.trim();
    if (!value) {
      if (fallback === undefined) this.fault(`${name} is not set. Set it to ${meaning}.`);
      return fallback ?? '';
    }
    if (/^<.*>$|^x{3,}$|^(change[-_ ]?me|todo|placeholder|secret|password)$/i.test(value))
      this.fault(`${name} is a placeholder. Set it to ${meaning}.`);
    return value;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const value = Number(this.env[name]?.trim() || fallback);
    if (!Number.isInteger(value) || value < min || value > max) this.fault(`${name} must be an integer between ${min} and ${max}.`);
    return value;
  }

  share(name: string, fallback: number): number {
    const value = Number(this.env[name]?.trim() || fallback);
    if (!(value >= 0.01 && value <= 1)) this.fault(`${name} must be a number between 0.01 and 1.`);
    return value;
  }

  /** The first choice is the default. */
  choice<Choice extends string>(name: string, choices: readonly [Choice, ...Choice[]]): Choice {
    const value = this.env[name]?.trim() || choices[0];
    const found = choices.find((choice) => choice === value);
    if (!found) this.fault(`${name} must be ${choices.join(' or ')}.`);
    return found ?? choices[0];
  }

  url(name: string, meaning: string, protocols: string[]): string {
    const value = this.text(name, meaning);
    if (value && !protocols.includes(URL.parse(value)?.protocol ?? '')) this.fault(`${name} is invalid. Set it to ${meaning}.`);
    return value.replace(/\/$/, '');
  }

  /** @throws ConfigError if any variable was at fault */
  finish(): void {
    if (this.#faults.length > 0) throw new ConfigError(this.#faults);
  }
}
