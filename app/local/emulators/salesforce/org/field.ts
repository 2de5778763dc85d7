import type { Dice } from './dice.ts';

/** A stored value: ids, texts, dates (`2023-01-31`) and datetimes (`2023-01-31T10:00:00.000Z`) are strings. */
export type Value = string | number | boolean | null;

/** Reads another field of the same row. */
export type ReadField = (name: string) => Value;

/** What formulas can read beyond their own row. */
export interface World {
  now(): Date;
  /** A field of the record with this id; null if there is no such record. */
  lookUp(id: Value, field: string): Value;
  /** The records of an object that refer to this id and are not deleted, each as a reader of its fields. */
  children(object: string, reference: string, id: Value): ReadField[];
}

type TextType = 'string' | 'textarea' | 'picklist' | 'multipicklist' | 'combobox' | 'email' | 'phone' | 'url' | 'encryptedstring';
type NumberType = 'int' | 'long' | 'double' | 'currency' | 'percent';
type TimeType = 'date' | 'datetime' | 'time';
type OddType = 'address' | 'location' | 'base64' | 'anyType' | 'json' | 'complexvalue' | 'DataCategoryGroupReference';
export type FieldType = TextType | NumberType | TimeType | OddType | 'id' | 'reference' | 'boolean';

/** Types whose fields have no stored value of their own. */
export const NOT_VALUES: readonly FieldType[] = ['address', 'location', 'base64', 'complexvalue'];

export interface PicklistValue {
  active: boolean;
  defaultValue: boolean;
  label: string;
  validFor: string | null;
  value: string;
}

/** A field in sObject describe, with every key of a real response. */
export interface FieldFacts {
  aggregatable: boolean;
  aiPredictionField: boolean;
  autoNumber: boolean;
  byteLength: number;
  calculated: boolean;
  calculatedFormula: string | null;
  cascadeDelete: boolean;
  caseSensitive: boolean;
  compoundFieldName: string | null;
  controllerName: string | null;
  createable: boolean;
  custom: boolean;
  defaultValue: Value;
  defaultValueFormula: string | null;
  defaultedOnCreate: boolean;
  dependentPicklist: boolean;
  deprecatedAndHidden: boolean;
  digits: number;
  displayLocationInDecimal: boolean;
  encrypted: boolean;
  externalId: boolean;
  extraTypeInfo: string | null;
  filterable: boolean;
  filteredLookupInfo: null;
  formulaTreatNullNumberAsZero: boolean;
  groupable: boolean;
  highScaleNumber: boolean;
  htmlFormatted: boolean;
  idLookup: boolean;
  inlineHelpText: string | null;
  label: string;
  length: number;
  mask: string | null;
  maskType: string | null;
  name: string;
  nameField: boolean;
  namePointing: boolean;
  nillable: boolean;
  permissionable: boolean;
  picklistValues: PicklistValue[];
  polymorphicForeignKey: boolean;
  precision: number;
  queryByDistance: boolean;
  referenceTargetField: string | null;
  referenceTo: string[];
  relationshipName: string | null;
  relationshipOrder: number | null;
  restrictedDelete: boolean;
  restrictedPicklist: boolean;
  scale: number;
  searchPrefilterable: boolean;
  soapType: string;
  sortable: boolean;
  type: FieldType;
  unique: boolean;
  updateable: boolean;
  writeRequiresMasterRead: boolean;
}

/** How an admin has classified a field's data; describe does not say. */
export interface Classification {
  /** such as Restricted */
  security?: string | null;
  /** such as PII */
  compliance?: string[];
}

/** A field: its describe, and where its values come from. */
export interface Field {
  facts: FieldFacts;
  /** Generates a value; a field without it is null, or false if boolean. */
  make?: (dice: Dice, read: ReadField, ordinal: number) => Value;
  /** Computes the value from other fields on every read, like formulas and compound names. */
  derive?: (read: ReadField, world: World) => Value;
  /** Converts a value after the field's type has changed. */
  convert?: (value: Value) => Value;
  /** Field-level security hides the field from the connected user: describe omits it, SOQL rejects it. */
  hidden?: boolean;
  classification?: Classification;
  /** The value's text in Bulk results if it differs from the type's default. */
  csv?: (value: Value) => string;
}

const GENERAL: Omit<FieldFacts, 'name' | 'label' | 'type' | 'soapType'> = {
  aggregatable: true,
  aiPredictionField: false,
  autoNumber: false,
  byteLength: 0,
  calculated: false,
  calculatedFormula: null,
  cascadeDelete: false,
  caseSensitive: false,
  compoundFieldName: null,
  controllerName: null,
  createable: true,
  custom: false,
  defaultValue: null,
  defaultValueFormula: null,
  defaultedOnCreate: false,
  dependentPicklist: false,
  deprecatedAndHidden: false,
  digits: 0,
  displayLocationInDecimal: false,
  encrypted: false,
  externalId: false,
  extraTypeInfo: null,
  filterable: true,
  filteredLookupInfo: null,
  formulaTreatNullNumberAsZero: false,
  groupable: true,
  highScaleNumber: false,
  htmlFormatted: false,
  idLookup: false,
  inlineHelpText: null,
  length: 0,
  mask: null,
  maskType: null,
  nameField: false,
  namePointing: false,
  nillable: true,
  permissionable: true,
  picklistValues: [],
  polymorphicForeignKey: false,
  precision: 0,
  queryByDistance: false,
  referenceTargetField: null,
  referenceTo: [],
  relationshipName: null,
  relationshipOrder: null,
  restrictedDelete: false,
  restrictedPicklist: false,
  scale: 0,
  searchPrefilterable: false,
  sortable: true,
  unique: false,
  updateable: true,
  writeRequiresMasterRead: false,
};

const UNSEARCHABLE: Partial<FieldFacts> = { aggregatable: false, filterable: false, groupable: false, sortable: false };

const TYPES: Record<FieldType, Partial<FieldFacts> & { soapType: string }> = {
  id: { soapType: 'tns:ID', length: 18, byteLength: 18, nillable: false, idLookup: true, defaultedOnCreate: true, permissionable: false },
  reference: { soapType: 'tns:ID', length: 18, byteLength: 18 },
  string: { soapType: 'xsd:string', length: 255 },
  textarea: { soapType: 'xsd:string', length: 255, extraTypeInfo: 'plaintextarea' },
  picklist: { soapType: 'xsd:string', length: 255 },
  multipicklist: { soapType: 'xsd:string', length: 4099, precision: 4, aggregatable: false, groupable: false, sortable: false },
  combobox: { soapType: 'xsd:string', length: 255 },
  encryptedstring: { soapType: 'xsd:string', length: 175, encrypted: true, ...UNSEARCHABLE },
  email: { soapType: 'xsd:string', length: 80, idLookup: true },
  phone: { soapType: 'xsd:string', length: 40 },
  url: { soapType: 'xsd:string', length: 255 },
  boolean: { soapType: 'xsd:boolean', aggregatable: false, defaultValue: false, defaultedOnCreate: true, nillable: false },
  int: { soapType: 'xsd:int', digits: 8 },
  long: { soapType: 'xsd:long', digits: 18 },
  double: { soapType: 'xsd:double', precision: 18, scale: 2, groupable: false },
  currency: { soapType: 'xsd:double', precision: 18, scale: 2, groupable: false },
  percent: { soapType: 'xsd:double', precision: 3, groupable: false },
  date: { soapType: 'xsd:date' },
  datetime: { soapType: 'xsd:dateTime', groupable: false },
  time: { soapType: 'xsd:time', groupable: false },
  address: {
    soapType: 'urn:address',
    createable: false,
    updateable: false,
    aggregatable: false,
    groupable: false,
    sortable: false,
    queryByDistance: true,
  },
  location: {
    soapType: 'urn:location',
    createable: false,
    updateable: false,
    aggregatable: false,
    groupable: false,
    sortable: false,
    queryByDistance: true,
  },
  base64: { soapType: 'xsd:base64Binary', ...UNSEARCHABLE },
  anyType: { soapType: 'xsd:anyType', length: 255, ...UNSEARCHABLE },
  json: { soapType: 'tns:json', length: 131_072, ...UNSEARCHABLE },
  complexvalue: { soapType: 'urn:complexvalue', createable: false, updateable: false, ...UNSEARCHABLE },
  DataCategoryGroupReference: { soapType: 'xsd:string', length: 80 },
};

/** Facts of system fields: no user can write them, every user can read them. */
export const SYSTEM: Partial<FieldFacts> = { createable: false, updateable: false, permissionable: false };

export function isFieldType(type: unknown): type is FieldType {
  return typeof type === 'string' && Object.hasOwn(TYPES, type);
}

/** A field with the default facts of its type and its own overrides. */
export function field(
  type: FieldType,
  name: string,
  label: string,
  own: Partial<FieldFacts> = {},
  values: Omit<Field, 'facts'> = {},
): Field {
  const facts = { ...GENERAL, ...TYPES[type], ...own, name, label, type };
  if (/__[cs]$/.test(name)) facts.custom = true;
  if (facts.soapType === 'xsd:string' && facts.byteLength === 0) facts.byteLength = facts.length * 3;
  return { facts: sortKeys(facts), ...values };
}

/** The entries of a picklist, as describe shows them. */
export function picklist(values: readonly string[]): Partial<FieldFacts> {
  return { picklistValues: values.map((value) => ({ active: true, defaultValue: false, label: value, validFor: null, value })) };
}

function sortKeys(facts: FieldFacts): FieldFacts {
  return Object.fromEntries(Object.entries(facts).sort(([left], [right]) => (left < right ? -1 : 1))) as unknown as FieldFacts;
}
