import { CommandError } from './command-error.ts';
import type { RemoteOptions } from './remote/open-service.ts';

/** A command that lists things of one kind, or does something with one of them. */
interface ListCommand {
  /** also what it lists */
  name: string;
  /** one of them */
  one: string;
  /** how the second argument names it */
  named: string;
}

/** An action of such a command. */
interface ListAction {
  /** its options, beside those of every command that calls a service */
  takes: readonly PropertyKey[];
  /** whether it is about no single thing */
  namesNone?: true;
}

/**
 * Checks that the options fit the action, and that it names a thing if it is about one.
 * @throws CommandError
 */
export function requireFittingOptions(
  command: ListCommand,
  actions: Record<string, ListAction>,
  [action, thing]: readonly [action: string, thing: string | undefined],
  options: RemoteOptions,
): void {
  const { local: _, data: _data, url: _url, json: _json, ...given } = options;
  const { takes, namesNone } = actions[action]!;
  const wrong = Object.keys(given).find((option) => !takes.includes(option));
  const flag = (option: string): string => `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (wrong) throw new CommandError(`${command.name} ${action} has no option ${flag(wrong)}. See node app/cli.ts ${command.name} --help.`);
  if (namesNone && thing !== undefined) throw new CommandError(`${command.name} ${action} takes no ${command.one}.`);
  if (!namesNone && !thing) throw new CommandError(`Name the ${command.one}: ${command.name} ${action} ${command.named}.`);
}
