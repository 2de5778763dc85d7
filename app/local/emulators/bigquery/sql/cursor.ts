import { type ApiError, invalidQuery } from '../rest/api-error.ts';
import { type Token, tokenize } from './tokens.ts';
import type { Place, Query } from './tree.ts';

/** GoogleSQL's reserved words: not allowed as a column, table or alias unless in backticks. */
const RESERVED = new Set(
  `ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT DEFAULT DEFINE DESC
  DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL GROUP GROUPING GROUPS HASH HAVING IF
  IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER
  OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE
  UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH WITHIN`.split(/\s+/),
);

/** A position in a statement's tokens, with the checks that a parser needs there. */
export class Cursor {
  readonly source: string;
  readonly #parseQuery: (cursor: Cursor) => Query;
  readonly #tokens: Token[];
  #at = 0;

  /** @param parseQuery parses a query within an expression. Passed down because a query is parsed from expressions, whose file cannot import it. */
  constructor(source: string, parseQuery: (cursor: Cursor) => Query) {
    this.source = source;
    this.#parseQuery = parseQuery;
    this.#tokens = tokenize(source);
  }

  get token(): Token {
    return this.#tokens[this.#at]!;
  }

  get place(): Place {
    return { line: this.token.line, column: this.token.column };
  }

  peek(offset: number): Token {
    return this.#tokens[Math.min(this.#at + offset, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const { token } = this;
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  /** Whether these are the next words or signs. */
  isAt(...words: string[]): boolean {
    return words.every((word, offset) => {
      const token = this.peek(offset);
      if (token.kind === 'word') return token.text.toUpperCase() === word;
      return token.kind === 'sign' && token.text === word;
    });
  }

  /** Consumes the words if all of them are next. */
  take(...words: string[]): boolean {
    if (!this.isAt(...words)) return false;
    this.#at += words.length;
    return true;
  }

  expect(...words: string[]): void {
    if (!this.take(...words)) throw this.unexpected(`Expected ${words.length > 1 ? words.join(' ') : describeWord(words[0]!)}`);
  }

  /** An identifier, bare or backticked. */
  identifier(what = 'identifier'): string {
    if (!this.isIdentifier()) throw this.unexpected(`Expected ${what}`);
    return this.next().text;
  }

  isIdentifier(): boolean {
    const { kind, text } = this.token;
    return kind === 'name' || (kind === 'word' && !RESERVED.has(text.toUpperCase()));
  }

  /** An optional `[AS] alias`. */
  alias(): string | undefined {
    if (this.take('AS')) return this.identifier('alias');
    return this.isIdentifier() ? this.next().text : undefined;
  }

  list<Item>(item: () => Item): Item[] {
    const items = [item()];
    while (this.take(',')) items.push(item());
    return items;
  }

  parenthesized<Content>(content: () => Content): Content {
    this.expect('(');
    const inside = content();
    this.expect(')');
    return inside;
  }

  /** Parses a query within an expression. */
  subquery(): Query {
    return this.#parseQuery(this);
  }

  unexpected(prefix?: string): ApiError {
    const { kind, text } = this.token;
    const found = kind === 'end' ? 'end of script' : describeToken(kind, text);
    return invalidQuery(`Syntax error: ${prefix ? `${prefix} but got` : 'Unexpected'} ${found}`, this.place);
  }

  /** A GoogleSQL feature that the emulator does not support: rejecting it is better than a wrong result. */
  unsupported(what: string): ApiError {
    return invalidQuery(`The local BigQuery does not support ${what}`, this.place);
  }
}

const describeWord = (word: string) => (/^\w/.test(word) ? `keyword ${word}` : `"${word}"`);

function describeToken(kind: Token['kind'], text: string): string {
  if (kind === 'word') return RESERVED.has(text.toUpperCase()) ? `keyword ${text.toUpperCase()}` : `identifier "${text}"`;
  if (kind === 'name') return `identifier \`${text}\``;
  if (kind === 'string') return `string literal ${JSON.stringify(text)}`;
  return kind === 'sign' ? `"${text}"` : `${kind} literal "${text}"`;
}
