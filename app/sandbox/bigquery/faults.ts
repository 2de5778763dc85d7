import { ApiError } from './api-error.ts';

/** What goes wrong, each `times` times, and then no more. */
export interface Fault {
  kind: FaultKind;
  /** How often still. */
  times: number;
  /** Only where this text occurs: in `METHOD /path`, a session's upload id, or a job's id. Absent: anywhere. */
  match?: string;
  /** For `http`: the answer's status, and the reason in its body. */
  status?: number;
  reason?: string;
  message?: string;
  /** For `upload-cut` and `partial-chunk`: how many bytes of the chunk are kept; default half of it. */
  keep?: number;
}

/** Kind → what it does. A new kind is a line here and a `take` where it happens. */
export const FAULT_KINDS = {
  'upload-cut': 'the connection is cut in the middle of a chunk',
  'partial-chunk': 'a chunk is taken whole, but only a part of it is kept: 308 with a shorter Range',
  'lost-final-answer': 'the last chunk is taken and the job made, then the connection is cut',
  'session-expired': 'an upload session is no longer known: 404',
  http: 'a request is answered with `status` (503) and `reason` before it is looked at',
  'lost-answer': 'a request is carried out, then the connection is cut instead of an answer',
  'job-failed': 'a job ends with `reason` (jobBackendError) and changes nothing',
  'slow-visible': 'jobs.get does not find a job that is there: 404',
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

/** The faults that were asked for and have not happened yet. */
export class Faults {
  #pending: Fault[] = [];

  /** Adds a fault given as JSON. Throws `invalid`. */
  add(given: unknown): Fault {
    const { kind, times = 1, ...more } = (given ?? {}) as Partial<Fault>;
    if (!kind || !(kind in FAULT_KINDS)) throw new ApiError('invalid', `Fault kinds are: ${Object.keys(FAULT_KINDS).join(', ')}`);
    const fault = { ...more, kind, times };
    this.#pending.push(fault);
    return fault;
  }

  list(): Fault[] {
    return this.#pending;
  }

  clear(): void {
    this.#pending = [];
  }

  /** The fault of this kind that is due for the subject; it has then happened once more. */
  take(kind: FaultKind, subject: string): Fault | undefined {
    const fault = this.#pending.find((each) => each.kind === kind && (each.match === undefined || subject.includes(each.match)));
    if (!fault) return undefined;
    fault.times -= 1;
    this.#pending = this.#pending.filter((each) => each.times > 0);
    return fault;
  }
}

/** The error of an `http` or `job-failed` fault. */
export function faultError({ reason, message }: Fault, otherwise: string): ApiError {
  return new ApiError(reason ?? otherwise, message ?? 'An error that was asked for. Retrying the job may solve the problem.');
}
