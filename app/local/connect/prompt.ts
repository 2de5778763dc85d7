import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError } from '../../commands/command-error.ts';
import { abortable } from '../../core/abortable.ts';

/** Asks the user, at a terminal or through a pipe with one answer per line. */
export interface Prompt extends Disposable {
  /** Asks until there is an answer. An empty one means `preset`, if there is one. @throws CommandError at the end of the input */
  ask(question: string, preset?: string): Promise<string>;
  /** Asks without showing what is typed. An empty answer means `preset`, which is not shown either. @throws CommandError */
  askSecret(question: string, preset?: string): Promise<string>;
  /** @throws CommandError */
  confirm(question: string): Promise<boolean>;
}

/** @param stop makes a pending question fail with its reason */
export function openPrompt(input: NodeJS.ReadStream, output: NodeJS.WriteStream, indent: string, stop: AbortSignal): Prompt {
  let isHidden = false;
  const echo = new Writable({
    write(text, _encoding, done) {
      if (!isHidden) output.write(text);
      done();
    },
  });
  const lines = createInterface({ input, output: echo, terminal: input.isTTY === true });
  // At a terminal, readline takes the interrupt for itself.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const answers = lines[Symbol.asyncIterator]();

  const read = async (question: string): Promise<string> => {
    stop.throwIfAborted();
    if (input.isTTY) {
      lines.setPrompt(question);
      lines.prompt();
    } else output.write(question);
    const next: IteratorResult<string, undefined> = await abortable(stop, answers.next());
    if (next.done) throw new CommandError('The input ended before the last question. Run npm run connect again: it remembers the answers.');
    // A terminal shows the user's own line break.
    if (!input.isTTY) output.write('\n');
    return next.value.trim();
  };

  const ask = async (question: string, preset = ''): Promise<string> => {
    const shown = `${indent}${question}${preset && ` [${preset}]`}: `;
    for (;;) {
      const answer = (await read(shown)) || preset;
      if (answer) return answer;
    }
  };

  return {
    ask,
    async askSecret(question, preset = '') {
      const shown = `${indent}${question} (not shown${preset && '; Enter keeps the saved one'}): `;
      try {
        for (;;) {
          output.write(shown);
          isHidden = true;
          const answer = (await read('')) || preset;
          isHidden = false;
          if (input.isTTY) output.write('\n');
          if (answer) return answer;
        }
      } finally {
        isHidden = false;
      }
    },
    confirm: async (question) => /^y(es)?$/i.test(await ask(`${question} (y/n)`)),
    [Symbol.dispose]: () => lines.close(),
  };
}
