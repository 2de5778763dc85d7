import { type Field, field, SYSTEM } from '../org/field.ts';

/** The fields of Name, the object that represents polymorphic parents. */
const FIELDS: Field[] = [
  field('id', 'Id', 'Name ID', SYSTEM),
  field('string', 'Name', 'Name', SYSTEM),
  field('picklist', 'Type', 'Type', SYSTEM),
  field('string', 'FirstName', 'First Name', SYSTEM),
  field('string', 'LastName', 'Last Name', SYSTEM),
  field('string', 'Username', 'Username', SYSTEM),
  field('email', 'Email', 'Email', SYSTEM),
  field('phone', 'Phone', 'Phone', SYSTEM),
  field('string', 'Title', 'Title', SYSTEM),
  field('string', 'Alias', 'Alias', SYSTEM),
  field('boolean', 'IsActive', 'Active', SYSTEM),
];

/** A field of Name; names are case-insensitive. */
export function nameObjectField(name: string): Field | undefined {
  return FIELDS.find(({ facts }) => facts.name.toLowerCase() === name.toLowerCase());
}
