import type { Value } from './field.ts';
import type { Row, Table } from './table.ts';

/** Deletes the loser, which names its master, and moves its children to the master: their stamps move. */
export function mergeRecords(tables: Table[], table: Table, master: Row, loser: Row, stamps: Record<string, Value>): void {
  const [masterId, loserId] = [table.idOf(master.ordinal), table.idOf(loser.ordinal)];
  table.change(loser.ordinal, { ...stamps, IsDeleted: true, MasterRecordId: masterId });
  for (const children of tables.filter((candidate) => candidate.field('SystemModstamp'))) {
    for (const field of referencesTo(children, table.definition.name)) {
      for (const row of children.rows()) {
        if (children.value(row, field) === loserId) children.change(row.ordinal, { ...laterOf(children, row, stamps), [field]: masterId });
      }
    }
  }
}

function referencesTo(table: Table, object: string): string[] {
  return table.fields
    .filter(({ facts, make }) => make && facts.type === 'reference' && facts.referenceTo.includes(object) && facts.updateable)
    .map(({ facts }) => facts.name);
}

/** The child may have been stamped since; stamps never move backwards. */
function laterOf(table: Table, row: Row, stamps: Record<string, Value>): Record<string, Value> {
  const before = table.value(row, 'SystemModstamp');
  return String(before) > String(stamps.SystemModstamp) ? { ...stamps, SystemModstamp: before } : stamps;
}
