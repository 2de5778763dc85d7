import { Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openScreen, type Screen } from '../../../app/local/demo-screen.ts';

const { CI } = process.env;

// yocto-spinner itself reads it from the environment of the process.
beforeAll(() => {
  delete process.env.CI;
});
afterAll(() => {
  if (CI !== undefined) process.env.CI = CI;
});

/** What a screen writes to a stream that is a terminal or not. */
async function written(terminal: object, env: NodeJS.ProcessEnv, show: (screen: Screen) => Promise<void>): Promise<string> {
  let output = '';
  const write = (text: Buffer, _: string, done: () => void): void => {
    output += text;
    done();
  };
  const cursor = { cursorTo: () => true, moveCursor: () => true, clearLine: () => true };
  const stream = Object.assign(new Writable({ write }), cursor, terminal) as unknown as NodeJS.WriteStream;
  await show(openScreen(stream, env, 12));
  return output;
}

const show = async (screen: Screen): Promise<void> => {
  screen.step('Import');
  const [result, took] = await screen.wait('Importing', new Promise((resolve) => setTimeout(resolve, 200, 'OK')));
  screen.passed(`${result}${took}`);
  screen.table(['object_name', '(rows)'], [['Account', '1,020']]);
};

test('what is no terminal gets plain lines', async () => {
  const output = await written({ isTTY: false }, {}, show);
  expect(output.replace(/\d\.\d s/, '0.2 s')).toBe(
    `
 1/12  Import
       ✓ OK (0.2 s)
       object_name   rows
       ───────────  ─────
       Account      1,020
`,
  );
});

test('a terminal gets a spinner while it waits, unless CI is set', async () => {
  expect(await written({ isTTY: true, columns: 80 }, {}, show)).toMatch(/⠋.* Importing/);
  expect(await written({ isTTY: true, columns: 80 }, { CI: '1' }, show)).not.toContain('Importing');
});

test('a wait that fails removes its spinner', async () => {
  const failing = (screen: Screen): Promise<void> =>
    expect(screen.wait('Importing', Promise.reject(new Error('no')))).rejects.toThrow('no') as Promise<void>;
  // Shows the cursor again.
  expect(await written({ isTTY: true, columns: 80 }, {}, failing)).toMatch(/\u001b\[\?25h$/);
});
