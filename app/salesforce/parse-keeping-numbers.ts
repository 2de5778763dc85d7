import { translateSalesforceError } from './errors.ts';

/** Parses JSON; each number becomes its text. @param doing for the error message @throws AppError salesforce_unavailable */
export function parseKeepingNumbers(body: Buffer, doing: string): unknown {
  try {
    return JSON.parse(quoteNumbers(body.toString('utf8')));
  } catch (error) {
    throw translateSalesforceError(error, doing);
  }
}

const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const MINUS = '-'.charCodeAt(0);

/** A number of JSON, unless it is a property's name. */
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-]|\s*:)/y;

/**
 * Puts the numbers of JSON in quotes; all else stays. A reviver of JSON.parse, which also receives the text of a number, would take four times
 * as long for a page of rows, and other requests would wait for it.
 * @throws SyntaxError if there is something like a number that is none
 */
function quoteNumbers(json: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(json, at);
    } else if (code === MINUS || isDigit(code)) {
      NUMBER.lastIndex = at;
      if (!NUMBER.test(json)) throw new SyntaxError('a number is malformed');
      parts.push(json.slice(copied, at), '"', json.slice(at, NUMBER.lastIndex), '"');
      copied = at = NUMBER.lastIndex;
    } else {
      at++;
    }
  }
  return parts.join('') + json.slice(copied);
}

/** Where the text after a string starts; the end if the string has no end. @param start of the string */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote >= 0; quote = json.indexOf('"', quote + 1)) {
    let first = quote;
    while (json.charCodeAt(first - 1) === BACKSLASH) first--;
    const isEscaped = (quote - first) % 2 === 1;
    if (!isEscaped) return quote + 1;
  }
  return json.length;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
