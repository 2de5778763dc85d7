/** Why a command does not run, in one sentence that says what to do. The caller sees that alone, no stack, and exit code 2. */
export class CommandError extends Error {
  override name = 'CommandError';
}
