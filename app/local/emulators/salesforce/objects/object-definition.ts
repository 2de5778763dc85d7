import type { Field } from '../org/field.ts';
import type { LifeEvent } from '../org/life-events.ts';

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
  /** Which changes its rows go through by themselves; all kinds unless given. */
  onlyChanges?: LifeEvent['kind'][];
  /** Whether rows are committed late and back-dated now and then, and merged where the object can be. */
  busy?: boolean;
  /** What describe says of the object where it is not what it says of others. */
  summary?: Record<string, unknown>;
  /** Fields of which a query must name one by a single id: Salesforce refuses it otherwise. */
  filterById?: string[];
  /** Rows at the start. */
  rows: number;
  fields: Field[];
  children: { childSObject: string; field: string; relationshipName: string | null }[];
}
