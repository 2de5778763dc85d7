import type { Dice } from './dice.ts';
import type { Value } from './field.ts';

const FIRST_NAMES = [
  'Aino',
  'Björn',
  'Chloé',
  'Dmitri',
  'Emeka',
  'Fatıma',
  'Grace',
  'Haruki',
  'Íñigo',
  'Jo',
  'Łukasz',
  'Mei',
  "D'Arcy",
  '美咲',
  'Zoë',
];
const LAST_NAMES = [
  'Abbott',
  'O’Brien',
  "O'Neil",
  'García Márquez',
  'Müller',
  'Nguyễn',
  'Okonkwo',
  'Ivanov',
  'Smith, Jr.',
  'van der Berg',
  'Ødegård',
  '佐藤',
];
const COMPANY_HEADS = [
  'Edge',
  'Burlington',
  'Pyramid',
  'Dickenson',
  'Grand',
  'United',
  'Express',
  'GenePoint',
  'Nordlicht',
  'Ümlaut',
  'Café "Central"',
  '東京',
];
const COMPANY_TAILS = [
  'Communications',
  'Textiles Corp.',
  'Construction, Inc.',
  'plc',
  'Hotels & Resorts',
  'Oil & Gas',
  'Logistics',
  'GmbH',
  'S.A.',
  'K.K.',
];
const STREETS = ['Hauptstraße', 'Rue de l’Église', 'Market Street', 'Calle Mayor', 'Ул. Ленина', 'Storgata', '丸の内'];
const CITIES = ['Berlin', 'Paris', 'San Francisco', 'Zürich', 'São Paulo', 'Tromsø', 'Kraków', '東京', 'Washington, D.C.'];
const STATES = ['CA', 'NY', 'Bayern', 'Île-de-France', 'Zürich', 'Tōkyō', 'TX'];
const COUNTRIES = ['Germany', 'France', 'USA', 'Switzerland', 'Brazil', 'Norway', 'Poland', 'Japan', "Côte d'Ivoire"];
const PHRASES = [
  'Met at the fair, wants a call back.',
  'Says: "send the offer again", twice.',
  'Semaphore is 12,5 % below last year;',
  'naïve façade, coöperate – déjà vu…',
  'ships to 東京 and Москва 🚚',
  'family 👨‍👩‍👧‍👦 plan, "quoted, with comma"',
  "back\\slash and 'single' quotes",
  '=SUM(A1:A9)',
  'null',
  'tab\there',
];

/** Value generators: each uses the dice of its field, row and edit, so a value depends on nothing else. */
export const firstName = (dice: Dice): Value => dice.pick(FIRST_NAMES);
export const lastName = (dice: Dice): Value => dice.pick(LAST_NAMES);
export const companyName = (dice: Dice): Value => {
  const name = `${dice.pick(COMPANY_HEADS)} ${dice.pick(COMPANY_TAILS)} ${dice.between(1, 9999)}`;
  return dice.onceIn(40) ? ` ${name} ` : name;
};
export const street = (dice: Dice): Value => {
  const line = `${dice.pick(STREETS)} ${dice.between(1, 300)}`;
  return dice.onceIn(4) ? `${line}${dice.pick(['\n', '\r\n'])}Floor ${dice.between(1, 40)}, "West"` : line;
};
export const city = (dice: Dice): Value => dice.pick(CITIES);
export const state = (dice: Dice): Value => dice.pick(STATES);
export const country = (dice: Dice): Value => dice.pick(COUNTRIES);
export const postalCode = (dice: Dice): Value => String(dice.between(0, 99999)).padStart(5, '0');
export const phone = (dice: Dice): Value => `+${dice.between(1, 99)} (${dice.between(10, 999)}) ${dice.between(100000, 9999999)}`;
export const email = (dice: Dice): Value => `person.${dice.between(1, 999999)}@example.com`;
export const url = (dice: Dice): Value => `https://www.example.com/${dice.between(1, 9999)}?a=1&b="x",y`;
export const latitude = (dice: Dice): Value => dice.next() * 180 - 90;
export const longitude = (dice: Dice): Value => dice.next() * 360 - 180;

/** Free text of one or more lines, sometimes with blanks at an end or thousands of characters long. */
export const text = (dice: Dice): Value => {
  const lines = Array.from({ length: dice.onceIn(150) ? 90 : dice.between(1, 4) }, () => dice.pick(PHRASES));
  const joined = lines.join(dice.pick(['\n', '\r\n', ' ', '\n\n']));
  return dice.onceIn(12) ? `  ${joined}\n` : joined;
};

/** One line of free text. */
export const line = (dice: Dice): Value => (dice.onceIn(20) ? ` ${dice.pick(PHRASES)}  ` : dice.pick(PHRASES));

/** Currency from cents to tens of billions: Bulk results write large values with an exponent. */
export const money = (dice: Dice): Value => {
  if (dice.onceIn(30)) return 0;
  const whole = Math.floor(10 ** (1 + dice.next() * 9.5));
  return dice.onceIn(3) ? whole * 1000 : (whole * 100 + dice.between(0, 99)) / 100;
};

/** A number with more decimals than described, sometimes tiny or negative. */
export const preciseNumber = (dice: Dice): Value => {
  const number = dice.next() * 10 ** dice.between(-6, 5);
  return dice.onceIn(6) ? -number : dice.onceIn(4) ? Math.round(number) : number;
};

export const percentage = (dice: Dice): Value => (dice.onceIn(3) ? dice.between(0, 1000) / 10 : dice.between(0, 100));

export const flag = (dice: Dice): Value => dice.onceIn(3);

/** An integer in a range, inclusive. */
export const whole =
  (from: number, to: number) =>
  (dice: Dice): Value =>
    dice.between(from, to);

export const oneOf =
  (values: readonly string[]) =>
  (dice: Dice): Value =>
    dice.pick(values);

/** Up to three entries of a multi-select picklist, joined by semicolons in the list's order. */
export const someOf =
  (values: readonly string[]) =>
  (dice: Dice): Value => {
    const chosen = values.filter(() => dice.onceIn(3));
    return chosen.length === 0 ? null : chosen.slice(0, 3).join(';');
  };

/** A date in a range of years, inclusive. */
export const dateBetween =
  (from: number, to: number) =>
  (dice: Dice): Value => {
    const day =
      Date.UTC(from, 0, 1) + Math.floor((dice.next() * (Date.UTC(to + 1, 0, 1) - Date.UTC(from, 0, 1))) / 86_400_000) * 86_400_000;
    return new Date(day).toISOString().slice(0, 10);
  };

/** Wraps another generator: null once in this many rows. */
export const orNull =
  (throws: number, make: (dice: Dice) => Value) =>
  (dice: Dice): Value =>
    dice.onceIn(throws) ? null : make(dice);
