import { httpStatus } from './errors.ts';

/** The result of a call, or `otherwise` if it fails with this HTTP status. */
export async function fallbackOnStatus<T, O>(status: number, fallback: O, call: Promise<T>): Promise<T | O> {
  try {
    return await call;
  } catch (error) {
    if (httpStatus(error) === status) return fallback;
    throw error;
  }
}
