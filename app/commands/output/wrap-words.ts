/** For output that is no terminal. */
const DEFAULT_WIDTH = 120;

/** A text as lines that fit the terminal, broken at spaces. @param indent before each line */
export function wrapWords(text: string, indent: string): string[] {
  const width = (process.stdout.columns || DEFAULT_WIDTH) - indent.length;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(`${indent}${line}`);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, `${indent}${line}`];
}
