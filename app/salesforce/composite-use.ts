/** How long what was learned counts. In the memory of this process only: to find out again costs one call per hour and process. */
const REMEMBERED_MS = 60 * 60_000;

/** Which orgs accept composite calls, and which objects' pages are better requested alone. */
export class CompositeUse {
  readonly #isOn: boolean;
  /** until when, by `performance.now()`, by connection */
  readonly #refused = new Map<number, number>();
  /** until when, by connection and object */
  readonly #alone = new Map<string, number>();

  /** @param isOn false: they are never used */
  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  isAllowed(connectionId: number): boolean {
    return this.#isOn && !this.refused().includes(connectionId);
  }

  /** The connections whose org does not accept them. */
  refused(): number[] {
    return current(this.#refused);
  }

  /** Remembers that the org does not accept them. */
  saveRefused(connectionId: number): void {
    this.#refused.set(connectionId, performance.now() + REMEMBERED_MS);
  }

  /** Whether an object's page is requested alone. */
  isAlone(connectionId: number, objectName: string): boolean {
    return current(this.#alone).includes(keyOf(connectionId, objectName));
  }

  /** Remembers that an object's page is too slow or too large for a call with others. */
  saveAlone(connectionId: number, objectName: string): void {
    this.#alone.set(keyOf(connectionId, objectName), performance.now() + REMEMBERED_MS);
  }
}

/** The keys whose time has not passed. Deletes the others. */
function current<Key>(expiries: Map<Key, number>): Key[] {
  for (const [key, until] of expiries) if (until <= performance.now()) expiries.delete(key);
  return [...expiries.keys()];
}

function keyOf(connectionId: number, objectName: string): string {
  return `${connectionId}/${objectName}`;
}
