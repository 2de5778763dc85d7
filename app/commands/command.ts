/** The input of every command: arguments, environment and a stop signal. */
export interface CommandInput {
  args: string[];
  env: NodeJS.ProcessEnv;
  stop: AbortSignal;
}

/** Runs to completion or until `stop` aborts. @returns the exit code */
export type Command = (input: CommandInput) => Promise<number>;
