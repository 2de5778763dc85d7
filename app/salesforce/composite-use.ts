/** How long a refusal counts. In the memory of this process only: to find out again costs one call per hour and process. */
const REMEMBERED_MS = 60 * 60_000;

/** Which orgs accept composite calls, and which objects' pages are better requested alone. */
export class CompositeUse {
  readonly #isOn: boolean;
  /** until when, in milliseconds since 1970, by connection, and by connection and object */
  readonly #until = new Map<string, number>();

  /** @param isOn false: they are never used */
  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  isAllowed(connectionId: number): boolean {
    return this.#isOn && !this.#has(String(connectionId));
  }

  /** Remembers that the org does not accept them. */
  saveRefused(connectionId: number): void {
    this.#add(String(connectionId));
  }

  /** Whether an object's page is requested alone. */
  isAlone(connectionId: number, objectName: string): boolean {
    return this.#has(`${connectionId}/${objectName}`);
  }

  /** Remembers that an object's page is too slow or too large for a call with others. */
  saveAlone(connectionId: number, objectName: string): void {
    this.#add(`${connectionId}/${objectName}`);
  }

  #has(key: string): boolean {
    return (this.#until.get(key) ?? 0) > Date.now();
  }

  #add(key: string): void {
    for (const [old, until] of this.#until) if (until <= Date.now()) this.#until.delete(old);
    this.#until.set(key, Date.now() + REMEMBERED_MS);
  }
}
