import { type AppError, type ErrorCode, isAppError } from '../../errors.ts';

/** The codes with which the checks of a request refuse it. Other errors say that a check could not be made. */
const REFUSING: readonly ErrorCode[] = ['invalid_request', 'not_found', 'conflict', 'salesforce_refused'];

/** What would refuse the creation of a job, in the order of the checks. */
export class Refusals {
  readonly all: AppError[] = [];
  /** why the object cannot be imported at all, whatever the job's options; undefined: nothing is known against it */
  objectRefusal: AppError | undefined;

  add(error: AppError): void {
    this.all.push(error);
  }

  /** Makes a check. @returns its result; undefined if it refuses @throws the errors that are no refusals */
  async check<T>(check: () => Promise<T> | T): Promise<T | undefined> {
    try {
      return await check();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.add(error);
      return undefined;
    }
  }

  /** The same for a check of the object itself. */
  async ofObject<T>(check: () => Promise<T> | T): Promise<T | undefined> {
    const before = this.all.length;
    const result = await this.check(check);
    this.objectRefusal ??= this.all[before];
    return result;
  }
}

function isRefusal(error: unknown): error is AppError {
  return isAppError(error) && REFUSING.includes(error.code);
}
