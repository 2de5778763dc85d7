import { CommandError } from './command-error.ts';
import type { ServiceOptions } from './read-service-config.ts';

/** A command that lists things of one kind, or does something with one of them. */
interface ListCommand {
  /** also what it lists */
  name: string;
  /** one of them */
  one: string;
  /** how the second argument names it */
  named: string;
}

/**
 * Checks that the options fit the action, and that a thing is named unless all are listed.
 * @param takes the options of each action other than list
 * @throws CommandError
 */
export function requireFittingOptions(
  command: ListCommand,
  takes: Record<string, { takes: readonly PropertyKey[] }>,
  [action = '', thing]: readonly string[],
  options: ServiceOptions,
): void {
  const { local: _, data: _data, ...given } = options;
  const wrong = Object.keys(given).find((option) => !takes[action]?.takes.includes(option));
  const flag = (option: string): string => `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (wrong) throw new CommandError(`${command.name} ${action} has no option ${flag(wrong)}. See node app/cli.ts ${command.name} --help.`);
  if (action === 'list' && thing !== undefined) {
    throw new CommandError(`${command.name} list takes no ${command.one}: it lists all of them.`);
  }
  if (action !== 'list' && thing === undefined) {
    throw new CommandError(`Name the ${command.one}: ${command.name} ${action} ${command.named}.`);
  }
}
