import { styleText } from 'node:util';
import { type Argument, type CommanderError, type Option, Command as Program } from 'commander';
import type { Command } from './command.ts';

/** What a command is for, and how to use it. */
export interface CommandEntry {
  does: string;
  /** how to use it, after that one line */
  details?: string;
  /** its positional arguments */
  takes?: Argument[];
  options?: Option[];
  examples: string[];
  /** the meanings of exit codes 0 and 1 */
  exits: [string, string];
  /** whether it is in a clone of the repository only, and not in production images */
  needsClone?: boolean;
  load: () => Promise<Command<never>>;
}

type Commands = Readonly<Record<string, CommandEntry>>;

/** Commands by the heading under which the help lists them. */
export type CommandGroups = Readonly<Record<string, Commands>>;

/** How users start it. */
export const PROGRAM = 'node app/cli.ts';

/**
 * The command line's commands.
 * @param isClone false: the help leaves out what is not there
 * @param run is called with the one that the user named
 */
export function createProgram(
  groups: CommandGroups,
  isClone: boolean,
  run: (name: string, args: string[], options: object) => Promise<void>,
): Program {
  const program = new Program(PROGRAM).description('Replicates Salesforce objects into BigQuery.');
  program.helpCommand(false);
  // Subcommands copy these settings.
  program.exitOverride().configureOutput({ outputError: () => {} });
  program.configureHelp({ styleTitle: (title) => styleText('bold', title), subcommandTerm: (command) => command.name() });
  const entries = Object.entries(groups).flatMap(([heading, commands]) =>
    Object.entries(commands).map(([name, entry]) => ({ heading, name, ...entry })),
  );
  for (const { heading, name, does, details, takes = [], options = [], examples, exits, needsClone = false } of entries) {
    const sentence = `${does[0]!.toUpperCase()}${does.slice(1)}.`;
    const command = program
      .command(name, { hidden: needsClone && !isClone })
      .helpGroup(`${heading}:`)
      .summary(does)
      .description([sentence, ...(details ? [details] : [])].join('\n\n'));
    for (const argument of takes) command.addArgument(argument);
    for (const option of options) command.addOption(option);
    command.addHelpText('after', () => describeMore(exits, examples));
    command.action(() => run(name, command.args, command.opts()));
  }
  program.addHelpText('after', `\n${PROGRAM} <command> --help lists a command's options, exit codes and examples.`);
  return program;
}

function describeMore([success, failure]: [string, string], examples: string[]): string {
  const codes = [success, failure, 'wrong usage or configuration; the message says what to change'];
  const title = (text: string): string => `\n${styleText('bold', text)}`;
  return [
    title('Exit codes:'),
    ...codes.map((meaning, number) => `  ${number}  ${meaning}`),
    title('Examples:'),
    ...examples.map((example) => `  ${example}`),
  ].join('\n');
}

/** One line, from commander's message of one or two: "error: unknown option '--x'\n(Did you mean --y?)". */
export function describeUsageError(commands: Commands, { message, code }: CommanderError, [name = '']: string[]): string {
  if (code === 'commander.unknownCommand') return `Unknown command ${name}. Use one of ${Object.keys(commands).join(', ')}.`;
  const [fault = '', advice] = message.replace(/^error: /, '').split('\n');
  const sentences = [`${fault[0]!.toUpperCase()}${fault.slice(1).replace(/\.$/, '')}.`, ...(advice ? [advice.replace(/[()]/g, '')] : [])];
  return `${sentences.join(' ')} See ${PROGRAM} ${Object.hasOwn(commands, name) ? `${name} ` : ''}--help.`;
}
