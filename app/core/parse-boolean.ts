import { AppError } from '../errors.ts';

/** Parses a parameter that is true or false. @throws AppError invalid_request */
export function parseBoolean(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new AppError('invalid_request', `${name} must be true or false.`);
}
