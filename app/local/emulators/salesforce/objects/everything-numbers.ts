import type { Dice } from '../org/dice.ts';
import { money, orNull, percentage, preciseNumber, whole } from '../org/fake-values.ts';
import { field, type Value } from '../org/field.ts';

/** Number fields of Everything__c. Java writes doubles with an exponent from ten million up, and below a thousandth. */
export const everythingNumbers = [
  field('int', 'Int__c', 'Whole Number', {}, { make: orNull(4, whole(-2_147_483_648, 2_147_483_647)) }),
  // Connector source: zeros of an int field appear as `0.0` in Bulk results.
  field(
    'int',
    'Zero__c',
    'Whole Number, now and then 0.0',
    {},
    { make: orNull(4, whole(0, 3)), csv: (value) => (value === 0 ? '0.0' : String(value)) },
  ),
  // The range in which doubles, and so JSON, represent integers exactly.
  field('long', 'Long__c', 'Long', {}, { make: orNull(4, (dice) => Math.trunc((dice.next() * 2 - 1) * 9_007_199_254_740_991)) }),
  // Recording: a field described with 3 decimals contained 23123.2123123.
  field('double', 'Number__c', 'Number', { precision: 18, scale: 3 }, { make: orNull(4, preciseNumber) }),
  field('double', 'Huge__c', 'Huge or Tiny', { precision: 18, scale: 0 }, { make: orNull(4, hugeOrTiny) }),
  // Values written through an API are not rounded to the described cents: up to six decimals.
  field(
    'currency',
    'Amount__c',
    'Amount',
    {},
    { make: orNull(4, (dice) => (dice.onceIn(5) ? dice.between(-9_999_999, 9_999_999) / 1e6 : money(dice))) },
  ),
  // Salesforce docs: 23.23 means 23.23 %; a percent may be described with 8 decimals.
  field(
    'percent',
    'Share__c',
    'Share',
    { precision: 18, scale: 8 },
    { make: orNull(4, (dice) => (dice.onceIn(2) ? dice.between(0, 9_999_999_999) / 1e8 : percentage(dice))) },
  ),
];

/** Integers and fractions, with exponents from -300 to 300, including both limits at which exponents start. */
function hugeOrTiny(dice: Dice): Value {
  if (dice.onceIn(8)) return dice.pick([1e7, 9_999_999, 9_999_999.999, 0.001, 0.000_999, -1e7, 0, 1e21, 1e-7]);
  return (dice.onceIn(2) ? 1 : -1) * (dice.next() + 0.1) * 10 ** dice.between(-300, 300);
}
