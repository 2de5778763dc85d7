import { dateBetween, flag, latitude, longitude, oneOf, orNull } from '../org/fake-values.ts';
import { field, type ReadField, SYSTEM, type Value, type World } from '../org/field.ts';
import { recordNumber } from '../org/record-id.ts';
import { auditFields, idField, isDeletedField, queueOwnerField, reference } from './common-fields.ts';
import { everythingNumbers } from './everything-numbers.ts';
import { everythingTexts } from './everything-texts.ts';
import type { ObjectDefinition } from './object-definition.ts';
import type { RowCounts } from './row-counts.ts';

const COUNTRIES = ['DE', 'FR', 'US', 'JP'];
const STREETS = ['Hauptstraße 1', '1 Market Street\nFloor 7, "West"', '丸の内 2-4-1'];
/** Nothing is overdue before this day, so that the formula does not change in the weeks of the demo. */
const OVERDUE_FROM = Date.UTC(2023, 3, 1);
const DAY_MS = 86_400_000;

/** A custom object with a field of every type in describe; unusual values name their source. */
export const everything = ({ Account, Everything__c: count }: RowCounts): ObjectDefinition => ({
  name: 'Everything__c',
  label: 'Everything',
  labelPlural: 'Everythings',
  keyPrefix: 'a00',
  queryable: true,
  bulk: true,
  isSimulated: true,
  hasLateCommits: true,
  summary: { mergeable: false },
  rows: count,
  children: [],
  fields: [
    idField('Record ID'),
    queueOwnerField('Owner ID'),
    isDeletedField(),
    field(
      'string',
      'Name',
      'Everything Number',
      { ...SYSTEM, length: 80, nillable: false, nameField: true, autoNumber: true, idLookup: true },
      { derive: (read) => `E-${String(recordNumber('a00', String(read('Id')))).padStart(6, '0')}` },
    ),
    ...auditFields(count),
    reference('Account__c', 'Account', 'Account', 'Account__r', {}, { keyPrefix: '001', count: Account, nullOnceIn: 4 }),
    field('boolean', 'Flag__c', 'Flag', {}, { make: flag }),
    ...everythingTexts,
    ...everythingNumbers,
    // Salesforce docs: a date has no time zone and ranges from year 0001 to 9999.
    field('date', 'Date__c', 'Date', {}, { make: orNull(4, (dice) => (dice.onceIn(20) ? edgeDate(dice) : dateBetween(1, 9999)(dice))) }),
    // Salesforce docs: datetimes range from 1700 to 4000, milliseconds are always zero.
    field(
      'datetime',
      'Moment__c',
      'Moment',
      {},
      { make: orNull(4, (dice) => new Date(dice.between(-8_520_336_000, 64_060_588_799) * 1000).toISOString()) },
    ),
    field('time', 'Time__c', 'Time', {}, { make: orNull(4, (dice) => timeOfDay(dice.between(0, DAY_MS / 1000 - 1) * 1000)) }),
    // Connector source: parts of a compound field are fields of their own, and Bulk results cannot include the compound field.
    ...addressParts(),
    field('address', 'Site__c', 'Site'),
    ...['Latitude', 'Longitude'].map((part) =>
      field(
        'double',
        `Place__${part}__s`,
        `Place (${part})`,
        { compoundFieldName: 'Place__c', precision: 8, scale: 5 },
        // Recording: a part described with 5 decimals had 7 of them.
        { make: orNull(4, part === 'Latitude' ? latitude : longitude) },
      ),
    ),
    field('location', 'Place__c', 'Place', { displayLocationInDecimal: true }),
    field('base64', 'Body__c', 'Body', {}, { derive: (read) => `/${read('Id')}/Body__c` }),
    field('complexvalue', 'Metadata__c', 'Metadata'),
    // Formulas: no stamp moves when their inputs change.
    formula('string', 'OwnerName__c', 'Owner.Name', { length: 1300, byteLength: 3900 }, (read, world) => ownerName(read, world)),
    formula('double', 'DaysOverdue__c', 'MAX(0, TODAY() - DATE(2023, 4, 1))', { scale: 0 }, (_read, world) => daysOverdue(world)),
    formula('boolean', 'IsLarge__c', 'Amount__c > 1000000', {}, (read) => Number(read('Amount__c') ?? 0) > 1_000_000),
    // Formula results may exceed the described precision: up to 20 digits, the most a double can represent.
    formula('currency', 'Exposure__c', 'Amount__c * 1000000000', { scale: 0 }, (read) => exposure(read)),
    field('string', 'Secret__c', 'Secret', {}, { hidden: true, make: oneOf(['for nobody', 'but the board']) }),
  ],
});

function edgeDate(dice: { pick<T>(list: readonly T[]): T }): Value {
  return dice.pick(['0001-01-01', '9999-12-31', '1700-01-01', '1970-01-01', '2024-02-29']);
}

function timeOfDay(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(11);
}

function addressParts(): ReturnType<typeof field>[] {
  const part = { compoundFieldName: 'Site__c' };
  const sometimes = (values: string[]) => ({ make: orNull(4, oneOf(values)) });
  return [
    field('textarea', 'Site__Street__s', 'Site (Street)', part, sometimes(STREETS)),
    field('string', 'Site__City__s', 'Site (City)', { ...part, length: 40 }, sometimes(['Berlin', 'São Paulo', '東京'])),
    field('string', 'Site__PostalCode__s', 'Site (Zip)', { ...part, length: 20 }, sometimes(['00501', '10115', 'SW1A 1AA'])),
    field('picklist', 'Site__StateCode__s', 'Site (State)', part, sometimes(['BE', 'CA', '13'])),
    field('picklist', 'Site__CountryCode__s', 'Site (Country)', part, sometimes(COUNTRIES)),
    field('double', 'Site__Latitude__s', 'Site (Latitude)', { ...part, precision: 18, scale: 15 }, { make: orNull(2, latitude) }),
    field('double', 'Site__Longitude__s', 'Site (Longitude)', { ...part, precision: 18, scale: 15 }, { make: orNull(2, longitude) }),
    field('picklist', 'Site__GeocodeAccuracy__s', 'Site (Accuracy)', part, sometimes(['Address', 'Zip', 'Unknown'])),
  ];
}

function formula(
  type: 'string' | 'double' | 'boolean' | 'currency',
  name: string,
  calculatedFormula: string,
  own: object,
  derive: (read: ReadField, world: World) => Value,
): ReturnType<typeof field> {
  const label = name.replace('__c', '');
  return field(type, name, label, { ...SYSTEM, calculated: true, calculatedFormula, permissionable: true, ...own }, { derive });
}

function ownerName(read: ReadField, { lookUp }: World): Value {
  return lookUp(read('OwnerId'), 'Name');
}

function daysOverdue({ now }: World): Value {
  return Math.max(0, Math.floor((now().getTime() - OVERDUE_FROM) / DAY_MS));
}

function exposure(read: ReadField): Value {
  const amount = read('Amount__c');
  return amount === null ? null : Math.round(Number(amount) * 1e9);
}
