import { expect, test } from '@jest/globals';
import { LiveLines } from '../../../../app/commands/output/live-lines.ts';

/** A terminal that understands what LiveLines writes. */
class Screen {
  columns = 20;
  rows = 5;
  readonly lines: string[] = [];
  isCursorHidden = false;

  write(text: string): boolean {
    for (const [, control, line] of text.matchAll(/(\u001b\[(?:\d+A|0J|\?25[lh])|\r)|([^\u001b\r\n]*)\n/g)) {
      const up = /\[(\d+)A/.exec(control ?? '')?.[1];
      if (up) this.lines.splice(this.lines.length - Number(up));
      if (control?.includes('?25')) this.isCursorHidden = control.endsWith('l');
      if (line !== undefined) this.lines.push(line);
    }
    return true;
  }
}

test('live lines are drawn again in place, fit the terminal, and leave what stays above them', () => {
  const screen = new Screen();
  const live = new LiveLines(screen as unknown as NodeJS.WriteStream);
  expect(screen.isCursorHidden).toBe(true);
  live.draw(['one', 'two']);
  live.draw(['three'], ['ended']);
  expect(screen.lines).toEqual(['ended', 'three']);
  live.draw(['a line that is far too long for this', 'b', 'c', 'd', 'e', 'f']);
  expect(screen.lines).toEqual(['ended', 'a line that is far…', 'b', 'c', 'd']);
  live.draw(['last']);
  live.end();
  expect(screen.lines).toEqual(['ended', 'last']);
  expect(screen.isCursorHidden).toBe(false);
});
