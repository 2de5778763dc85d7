/** Maximum length of a redacted message, in characters. */
export const MAX_MESSAGE_LENGTH = 300;

/** Longer messages are truncated before processing. */
const MAX_TEXT_LENGTH = 10_000;

/** Applied once blanks are collapsed: some patterns take time quadratic in the length. */
const MAX_READ_LENGTH = 2_000;

const HIDDEN = '…';

/** Also what controls a terminal or the direction of a text. */
const BLANKS = /[\s\p{Cc}\p{Bidi_Control}]+/gu;

/** Words before a quoted schema name: they never introduce a record value. */
const NAMES =
  /\b(?:columns?|fields?|entity|objects?|types?|tables?|datasets?|views?|identifier|permission|relationship|parameter|value for|append the|column_name:)\s+$/i;

const NAME = /^[A-Za-z_][\w.:$-]*$/;

/** Salesforce's format for a query error: a blank line, an excerpt of the query, a caret below the position, then the position in words. */
const EXCERPT = /^([A-Za-z_ ]*:?\s*)\n[^\n]*\n *\^ *\n(?=ERROR at Row:)/;

/** These enclose the unparsed text. Greedy, because the text may contain the same words. Blanks are collapsed by then. */
const PARSED = /\b(parse|parsing|convert|converting|cast|casting|coerce)\s(?:\S.*\s)?(as|to|into)\s(?=(?:type\s)?[A-Z][A-Z0-9]+\b)/;

/** A truncated message may lack the end of such a text. */
const PARSED_TO_THE_END = /\b(parse|parsing|convert|converting|cast|casting|coerce)\s.*$/;

/** After these, text in backticks is a value as well. */
const VALUES = /\b(?:parse|parsing|convert|converting|cast|casting|coerce|values?|literals?|input|content|text)\s+$/i;

/** Opening quotes, each with the characters that may close it. */
const QUOTES: Record<string, string> = { '‘': '’', '‚': '‘’', '“': '”', '„': '“”', '«': '»', '»': '«' };

/** These introduce unquoted text, which may extend to the end of the message. */
const LABELLED = /\b(values?|literals?|input|content|excerpt|text|parse|parsing)(\s+found)?\s*[:=].*$/is;

const MORE_INFORMATION = /\s*For more information,? (?:see|go to|visit) \S+/g;
const URLS = /\b[a-z][a-z0-9+.-]*:\/\/\S+/gi;
const MAIL_ADDRESSES = /[^\s<>(),;:"]+@[^\s<>()'",;:=]+/g;
const SECRETS = /\bBearer\s+\S+|00D\w{12,15}(?:!|%21)\S+|\b5Aep\S+|\baPrx\S+|\bGOCSPX-\S+|\bya29\.\S+|\beyJ\S+/g;

/** Positions, and Salesforce's error ids for support. */
const PLACES = String.raw`Row:\d+:Column:\d+|\[\d+:\d+\]|ErrorId[^:]{0,60}:\s*[-\d]+(?:\s*\(-?\d+\))?`;
const NUMBERS = String.raw`(?<![\w.-])[-+]?\d(?:[\d.,:/T-]*\d)?(?:[eE][-+]?\d+)?Z?(?!\w)`;
const PLACES_AND_NUMBERS = new RegExp(`(${PLACES})|${NUMBERS}`, 'g');

/** Contexts in which a number is safe to show: positions, counts, and limits. */
const COUNTED_BEFORE =
  /\b(?:rows?|columns?|lines?|line_number|position|location|offset|byte_offset_to_start_of_line|index|column_index|errors?|bad|percent|limit(?: is)?|max|most|version|status|code|HTTP|expected|billed)[\s:(]*$/i;
const COUNTED_AFTER =
  /^[\s)]*(?:bytes?|[kmgt]b|rows?|columns?|characters?|jobs?|requests?|calls?|seconds?|minutes?|hours?|hrs|days?|per|statements?|operations?|or (?:higher|more))\b/i;

/**
 * Redacts a platform's message: replaces every possible record value, secret, or email address with …, and returns one line of at most
 * MAX_MESSAGE_LENGTH characters. Schema names, positions, and limits stay. Platforms quote or label the values they show, so plain words
 * stay as well.
 */
export function redactMessage(text: string): string {
  const line = text
    .slice(0, MAX_TEXT_LENGTH)
    .replaceAll('\r\n', '\n')
    .replace(EXCERPT, '$1')
    .replace(/(Row:\d+:Column:\d+)\n/, '$1: ')
    .replace(BLANKS, ' ')
    .trim();
  const parsed = line.slice(0, MAX_READ_LENGTH).replace(PARSED, `$1 ${HIDDEN} $2 `);
  const isCut = text.length > MAX_TEXT_LENGTH || line.length > MAX_READ_LENGTH;
  const hidden = hideQuoted(isCut ? parsed.replace(PARSED_TO_THE_END, `$1 ${HIDDEN}`) : parsed)
    .replace(LABELLED, `$1$2: ${HIDDEN}`)
    .replace(MORE_INFORMATION, '')
    .replace(URLS, HIDDEN)
    .replace(MAIL_ADDRESSES, (address) => (/\.gserviceaccount\.com\.?$/.test(address) ? address : HIDDEN))
    .replace(SECRETS, HIDDEN)
    .replace(PLACES_AND_NUMBERS, hideNumber);
  return shorten(hidden.replace(/\s+/g, ' ').trim());
}

/** Hides quoted text, from the first to the last quote, because a value may contain quotes. Schema names stay. */
function hideQuoted(text: string): string {
  // Some messages mention the quote character itself.
  const opening = /(?<![\w)]|quote character \()['"`‘‚“„«»]/g;
  let result = '';
  let from = 0;
  for (let match = opening.exec(text); match; match = opening.exec(text)) {
    const start = match.index;
    const closing = [...(QUOTES[match[0]] ?? match[0])];
    const ends = closing.map((quote) => text.indexOf(quote, start + 1)).filter((index) => index > 0);
    const next = Math.min(...ends);
    const before = text.slice(0, start);
    const isName = NAMES.test(before) || (match[0] === '`' && !VALUES.test(before));
    if (ends.length > 0 && isName && NAME.test(text.slice(start + 1, next))) {
      opening.lastIndex = next + 1;
      continue;
    }
    const last = Math.max(...closing.map((quote) => text.lastIndexOf(quote)));
    const end = last > start ? last + 1 : text.length;
    result += text.slice(from, start) + HIDDEN;
    from = end;
    opening.lastIndex = end;
  }
  return result + text.slice(from);
}

function hideNumber(found: string, place: string | undefined, offset: number, text: string): string {
  if (place !== undefined) return found;
  const counted = COUNTED_BEFORE.test(text.slice(0, offset)) || COUNTED_AFTER.test(text.slice(offset + found.length));
  return counted ? found : HIDDEN;
}

function shorten(text: string): string {
  if (text.length <= MAX_MESSAGE_LENGTH) return text;
  const cut = text.slice(0, MAX_MESSAGE_LENGTH);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), MAX_MESSAGE_LENGTH - 40)).trimEnd()} ${HIDDEN}`;
}
