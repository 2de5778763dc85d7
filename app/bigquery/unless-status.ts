import { httpStatus } from './errors.ts';

/** The result of a call, or `otherwise` if it fails with this HTTP status. */
export async function unlessStatus<T, O>(status: number, otherwise: O, call: Promise<T>): Promise<T | O> {
  try {
    return await call;
  } catch (error) {
    if (httpStatus(error) === status) return otherwise;
    throw error;
  }
}
