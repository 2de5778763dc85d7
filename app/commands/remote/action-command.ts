import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { print, printJson } from '../output/print.ts';
import { type RemoteOptions, serviceCommand } from './open-service.ts';
import type { RemoteService } from './remote-service.ts';

/** A command that lists things of one kind, or does something with one of them. */
interface ActionCommand {
  /** also what it lists */
  name: string;
  /** one of them */
  one: string;
  /** how the second argument names it */
  named: string;
}

/** What to print: what the service returned, or lines. */
export interface Outcome {
  result: unknown;
  lines: string[];
}

/** What can be done with things of a kind. */
export interface Action<Options> {
  /** its options, beside those of every command that calls a service */
  takes: readonly (keyof Options)[];
  /** whether it is about no single thing */
  namesNone?: true;
  /** @param thing as the second argument names it; empty for actions that take none */
  run(service: RemoteService, thing: string, options: Options): Promise<Outcome>;
}

/** A command whose first argument is an action, by default to list, and whose second one names a thing. */
export function actionCommand<Options extends RemoteOptions>(
  command: ActionCommand,
  actions: Record<string, Action<Options>>,
): Command<Options> {
  return async (input) => {
    const [action = 'list', thing] = input.args;
    requireFittingOptions(command, actions, [action, thing], input.options);
    return await serviceCommand<Options>(async (service, { options }) => {
      const { result, lines } = await actions[action]!.run(service, thing ?? '', options);
      if (options.json) printJson(result);
      else print(lines);
      return 0;
    })(input);
  };
}

/**
 * Checks that the options fit the action, and that it names a thing if it is about one.
 * @throws CommandError
 */
function requireFittingOptions(
  command: ActionCommand,
  actions: Record<string, { takes: readonly PropertyKey[]; namesNone?: true }>,
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
