import type { Dice } from '../org/dice.ts';
import { email, line, oneOf, orNull, phone, someOf, text, url } from '../org/fake-values.ts';
import { field, picklist, type Value } from '../org/field.ts';

const COLORS = ['Red', 'Bleu, clair', 'Grün "hell"', '緑', "l'or"];
const SIZES = ['S', 'M', 'L', 'XL'];
const LONGEST = 131_072;
/** The rows whose long area is filled to its limit. */
const LONG_ONCE_IN = 997;
const LONG_FIRST = 11;
const UNSEARCHABLE = { aggregatable: false, filterable: false, groupable: false, sortable: false };

/** Text fields of Everything__c, one of every type. */
export const everythingTexts = [
  field('string', 'Text__c', 'Text', {}, { make: orNull(4, line) }),
  // Connector source: texts written through an API may contain NUL bytes.
  field('string', 'Imported__c', 'Imported', {}, { make: orNull(4, importedText) }),
  field('string', 'ExternalId__c', 'External ID', { length: 40, externalId: true, idLookup: true, unique: true }, { make: externalId }),
  field('textarea', 'Area__c', 'Text Area', {}, { make: orNull(4, (dice) => cutTo(255, String(text(dice)))) }),
  field(
    'textarea',
    'LongArea__c',
    'Long Text Area',
    { length: LONGEST, byteLength: LONGEST * 3, ...UNSEARCHABLE },
    { make: (dice, _read, ordinal) => (ordinal % LONG_ONCE_IN === LONG_FIRST ? longText(dice) : orNull(3, text)(dice)) },
  ),
  field(
    'textarea',
    'RichArea__c',
    'Rich Text Area',
    { length: 32_768, htmlFormatted: true, extraTypeInfo: 'richtextarea', ...UNSEARCHABLE },
    { make: orNull(3, richText) },
  ),
  field('picklist', 'Colour__c', 'Colour', picklist(COLORS), { make: orNull(4, oneOf(COLORS)) }),
  field('multipicklist', 'Colours__c', 'Colours', picklist(COLORS), { make: someOf(COLORS) }),
  field('combobox', 'Size__c', 'Size', picklist(SIZES), { make: orNull(4, (dice) => (dice.onceIn(2) ? dice.pick(SIZES) : line(dice))) }),
  field('email', 'Email__c', 'Email', {}, { make: orNull(4, email) }),
  field('phone', 'Phone__c', 'Phone', {}, { make: orNull(4, phone) }),
  field('url', 'Url__c', 'URL', {}, { make: orNull(4, url) }),
  // Recording of a describe: an encrypted field is masked, and cannot be filtered or sorted.
  field('encryptedstring', 'Card__c', 'Card', { mask: '*', maskType: 'lastFour' }, { make: orNull(4, maskedCard) }),
  field('anyType', 'Any__c', 'Any', {}, { make: orNull(4, anything) }),
  field('json', 'Json__c', 'JSON', {}, { make: orNull(4, json) }),
  field('DataCategoryGroupReference', 'Category__c', 'Category', {}, { make: orNull(4, oneOf(['Products', 'Geography'])) }),
];

function importedText(dice: Dice): Value {
  const whole = String(line(dice));
  return dice.onceIn(40) ? `${whole.slice(0, 3)}\u0000${whole.slice(3)}` : whole;
}

function externalId(_dice: Dice, _read: unknown, ordinal: number): Value {
  return `X-${String(ordinal).padStart(9, '0')}`;
}

/** Exactly as many characters as a long area allows, in several lines and scripts. */
function longText(dice: Dice): Value {
  const piece = `${text(dice)}\n${text(dice)}\r\nüß東京 `;
  return cutTo(LONGEST, piece.repeat(Math.ceil(LONGEST / piece.length))).padEnd(LONGEST, '.');
}

/** Truncates a text without splitting a surrogate pair. */
function cutTo(length: number, whole: string): string {
  return whole.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}

/** Salesforce docs: rich text is HTML; its images link to a servlet. */
function richText(dice: Dice): Value {
  const image = '<img src="https://org.file.force.com/servlet/rtaImage?eid=a00&amp;feoid=00N&amp;refid=0EM" alt="&quot;x&quot;">';
  return `<p><b>${dice.pick(COLORS)}</b>&nbsp;&amp; <i>${dice.between(1, 99)} €</i></p>\n<ul><li>a, b</li></ul>${dice.onceIn(4) ? image : ''}`;
}

function maskedCard(dice: Dice): Value {
  return `************${String(dice.between(0, 9999)).padStart(4, '0')}`;
}

/** Text, date, boolean or number in one column, as in the org's history; the number has the same text in every response. */
function anything(dice: Dice): Value {
  return dice.pick([String(line(dice)), '2023-02-28', 'true', 'false', `${dice.between(0, 999)}.5`]);
}

function json(dice: Dice): Value {
  return JSON.stringify({ size: dice.pick(SIZES), tags: ['a,"b"', dice.pick(COLORS)], nested: { n: dice.between(0, 9), none: null } });
}
