import type { ActivityEvent } from '../org/activity-events.ts';
import type { Field } from '../org/field.ts';

/** An object of the org: its describe, its fields in describe's order, and how its rows change. */
export interface ObjectDefinition {
  name: string;
  label: string;
  labelPlural: string;
  /** null if the object has no ids of its own. */
  keyPrefix: string | null;
  queryable: boolean;
  /** Whether Bulk API 2.0 accepts it; otherwise it returns INVALIDENTITY. */
  bulk: boolean;
  /** Whether its rows change by themselves from 2023-03-01 on, and can be inserted. */
  isSimulated: boolean;
  /** The changes that its rows undergo by themselves; default all kinds. */
  onlyChanges?: ActivityEvent['kind'][];
  /** Whether some rows are committed late or back-dated, and merged if the object supports it. */
  hasLateCommits?: boolean;
  /** Describe properties that differ from those of other objects. */
  summary?: Record<string, unknown>;
  /** A query must filter by a single id of one of these fields; otherwise Salesforce rejects it. */
  filterById?: string[];
  /** Initial rows. */
  rows: number;
  fields: Field[];
  children: { childSObject: string; field: string; relationshipName: string | null }[];
}
