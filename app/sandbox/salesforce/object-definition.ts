import type { Field } from './field.ts';

/** An object of the org: what describe says of it, its fields in describe's order, and how it lives. */
export interface ObjectDefinition {
  name: string;
  label: string;
  labelPlural: string;
  /** null where ids are not the object's own. */
  keyPrefix: string | null;
  queryable: boolean;
  /** Whether Bulk API 2.0 takes it; otherwise it answers INVALIDENTITY. */
  bulk: boolean;
  /** Whether its rows change by themselves from 2023-03-01 on, and can be inserted. */
  lives: boolean;
  /** Rows at the start, given the org's size. */
  rows: (size: number) => number;
  fields: Field[];
  children: { childSObject: string; field: string; relationshipName: string | null }[];
}
