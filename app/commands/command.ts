/** What every command gets: its arguments, the environment, and a signal that it is to stop. */
export interface CommandInput {
  args: string[];
  env: NodeJS.ProcessEnv;
  stop: AbortSignal;
}

/** Runs to its end, or until told to stop. @returns the exit code */
export type Command = (input: CommandInput) => Promise<number>;
