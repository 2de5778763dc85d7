import { firstName, lastName, orNull } from '../org/fake-values.ts';
import { type Field, field, type ReadField, type Value } from '../org/field.ts';

/** Describe properties of the parts of a person's name. */
export const PERSON_PART = { compoundFieldName: 'Name', extraTypeInfo: 'personname', permissionable: false };

/** LastName and FirstName, in describe's order. */
export function personNameFields(): Field[] {
  return [
    field('string', 'LastName', 'Last Name', { ...PERSON_PART, length: 80, nillable: false }, { make: lastName }),
    field('string', 'FirstName', 'First Name', { ...PERSON_PART, length: 40 }, { make: orNull(8, firstName) }),
  ];
}

/** The value of a person's Name. */
export function fullName(read: ReadField): Value {
  return [read('FirstName'), read('LastName')].filter((part) => part !== null).join(' ') || null;
}
