/** A setting that goes another way where an assumption does not hold. */
export type Switch = 'SALESFORCE_GZIP=off' | 'BIGQUERY_UPLOAD=multipart';

/** What came of trying an assumption. `holds` null: it could not be tried, and `seen` says why. Never a value of a record. */
export interface Answer {
  holds: boolean | null;
  /** counts, codes, names of fields */
  seen: string;
}

/** Something that the service takes for granted of a service that it calls, as a sentence, and how it is tried. */
export interface Probe<Bench> {
  what: string;
  /** what to set where the answer is no */
  switch?: Switch;
  /** what follows where the answer is no, and nothing can be set */
  ifNot?: string;
  try: (bench: Bench) => Promise<Answer>;
}

export function answer(holds: boolean, seen: string): Answer {
  return { holds, seen };
}

export function notTried(why: string): Answer {
  return { holds: null, seen: why };
}
