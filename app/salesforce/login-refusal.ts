/** Salesforce's refusal of a login, in its own words. */
export class LoginRefusal extends Error {
  /** the OAuth error code, which is also the name: the log shows it */
  readonly reason: string;
  /** empty if there is none */
  readonly description: string;

  constructor(reason: string, description: string, cause?: unknown) {
    super(description, { cause });
    this.name = reason;
    this.reason = reason;
    this.description = description;
  }
}
