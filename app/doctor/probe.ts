/** A setting that works around an assumption that proved wrong. */
export type Workaround = 'SALESFORCE_GZIP=off' | 'SALESFORCE_COMPOSITE=off' | 'BIGQUERY_UPLOAD=multipart';

/** The result of checking an assumption. `confirmed` null: it could not be checked, and `observed` says why. Never contains a record's value. */
export interface ProbeResult {
  confirmed: boolean | null;
  /** counts, codes, field names */
  observed: string;
}

/** An assumption about a service that we call, as a sentence, and how to check it. */
export interface Probe<Subject> {
  assumption: string;
  /** what to set if the answer is no */
  workaround?: Workaround;
  /** the consequence if the answer is no and no setting helps */
  consequence?: string;
  run: (subject: Subject) => Promise<ProbeResult>;
}

export function toResult(confirmed: boolean, observed: string): ProbeResult {
  return { confirmed, observed };
}

export function notTested(why: string): ProbeResult {
  return { confirmed: null, observed: why };
}
