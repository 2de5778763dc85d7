// GoogleSQL's tokens: names, quoted names, strings with escapes, numbers, signs.
import { invalidQuery } from '../rest/api-error.ts';

export interface Token {
  /** `word` is a bare identifier or keyword, `name` a backticked one. */
  kind: 'word' | 'name' | 'string' | 'bytes' | 'integer' | 'float' | 'parameter' | 'sign' | 'end';
  /** The value: a string without its quotes and escapes, a word as written. */
  text: string;
  line: number;
  column: number;
}

const SPACE = /(?:\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const INTEGER = /0[xX][0-9a-fA-F]+|\d+(?![\d.eE])/y;
const FLOAT = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const PARAMETER = /@[A-Za-z_][A-Za-z0-9_]*/y;
const SIGN = /<=|>=|<>|!=|\|\||=>|[-+*/=<>(),.;[\]?@{}|&^~:$%!]/y;
const STRING_START = /(?:[rR][bB]?|[bB][rR]?)?(?:'''|"""|'|")/y;

/** Unquoted tokens, in the order in which they are tried. */
const PLAIN: [Token['kind'], RegExp][] = [
  ['word', WORD],
  ['integer', INTEGER],
  ['float', FLOAT],
  ['parameter', PARAMETER],
  ['sign', SIGN],
];

/** The tokens of a statement, followed by one of kind `end`. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const lineStarts = [0, ...source.matchAll(/\n/g).map(({ index }) => index + 1)];
  let [at, line] = [0, 1];
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const push = (kind: Token['kind'], value: string, length: number) => {
    while (lineStarts[line]! <= at) line += 1;
    tokens.push({ kind, text: value, line, column: at - lineStarts[line - 1]! + 1 });
    at += length;
  };
  while (at < source.length) {
    const space = match(SPACE);
    if (space) {
      at += space.length;
      continue;
    }
    const start = match(STRING_START) ?? (source[at] === '`' ? '`' : undefined);
    if (start) {
      const { value, length, bytes } = readString(source, at, start);
      if (start === '`' && value === '') throw invalidQuery('Syntax error: Invalid empty identifier', placeOf(source, at));
      push(start === '`' ? 'name' : bytes ? 'bytes' : 'string', value, length);
      continue;
    }
    const plain = PLAIN.map(([kind, pattern]) => ({ kind, found: match(pattern) })).find(({ found }) => found !== undefined);
    if (!plain?.found) throw invalidQuery(`Syntax error: Illegal input character "${source[at]}"`, placeOf(source, at));
    push(plain.kind, plain.kind === 'parameter' ? plain.found.slice(1) : plain.found, plain.found.length);
  }
  push('end', '', 0);
  return tokens;
}

function placeOf(source: string, at: number): { line: number; column: number } {
  const before = source.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: at - lineStart + 1 };
}

function readString(source: string, at: number, start: string): { value: string; length: number; bytes: boolean } {
  const quote = start.replace(/^[rRbB]+/, '');
  const raw = /r/i.test(start.slice(0, -quote.length));
  const unclosed = () => invalidQuery(`Syntax error: Unclosed ${quote === '`' ? 'identifier' : 'string'} literal`, placeOf(source, at));
  let value = '';
  let position = at + start.length;
  while (!source.startsWith(quote, position)) {
    const character = source[position];
    if (character === undefined || (character === '\n' && quote.length === 1)) throw unclosed();
    if (character !== '\\') {
      value += character;
      position += 1;
    } else if (raw) {
      value += source.slice(position, position + 2);
      position += 2;
    } else {
      const escaped = readEscape(source, position);
      value += escaped.value;
      position += escaped.length;
    }
  }
  return { value, length: position + quote.length - at, bytes: /b/i.test(start.slice(0, -quote.length)) };
}

const SIMPLE_ESCAPES: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  "'": "'",
  '"': '"',
  '`': '`',
};

const CODE_ESCAPE = /\\(?:([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

function readEscape(source: string, at: number): { value: string; length: number } {
  const simple = SIMPLE_ESCAPES[source[at + 1] ?? ''];
  if (simple !== undefined) return { value: simple, length: 2 };
  CODE_ESCAPE.lastIndex = at;
  const code = CODE_ESCAPE.exec(source);
  if (!code) throw invalidQuery(`Syntax error: Illegal escape sequence: \\${source[at + 1] ?? ''}`, placeOf(source, at));
  const point = code[1] ? Number.parseInt(code[1], 8) : Number.parseInt(code[2] ?? code[3] ?? code[4] ?? '', 16);
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    throw invalidQuery(`Syntax error: Illegal escape sequence: ${code[0]}`, placeOf(source, at));
  }
  return { value: String.fromCodePoint(point), length: code[0].length };
}
