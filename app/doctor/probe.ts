/** A setting that works around an assumption that does not hold. */
export type Switch = 'SALESFORCE_GZIP=off' | 'BIGQUERY_UPLOAD=multipart';

/** The result of checking an assumption. `holds` null: it could not be checked, and `seen` says why. Never contains a record's value. */
export interface Answer {
  holds: boolean | null;
  /** counts, codes, field names */
  seen: string;
}

/** An assumption about a service that we call, as a sentence, and how to check it. */
export interface Probe<Bench> {
  what: string;
  /** what to set if the answer is no */
  switch?: Switch;
  /** the consequence if the answer is no and no setting helps */
  ifNot?: string;
  try: (bench: Bench) => Promise<Answer>;
}

export function answer(holds: boolean, seen: string): Answer {
  return { holds, seen };
}

export function notTried(why: string): Answer {
  return { holds: null, seen: why };
}
