/** What a command is run with. */
export interface CommandInput<Options> {
  /** positional arguments */
  args: string[];
  /** as cli.ts declares them, with defaults filled in */
  options: Options;
  env: NodeJS.ProcessEnv;
  stop: AbortSignal;
}

/** Runs to completion or until `stop` aborts. @returns the exit code */
export type Command<Options = object> = (input: CommandInput<Options>) => Promise<number>;

/** Who changes something by a command, as the log and the audit show it. */
export const COMMAND_LINE = 'command line';
