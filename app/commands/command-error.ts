/** Why a command cannot run, in one sentence that says what to do. The user sees only this sentence, without a stack; the exit code is 2. */
export class CommandError extends Error {
  override name = 'CommandError';
}
