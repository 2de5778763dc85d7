import { groupsOf } from '../../core/fields/field-groups.ts';
import { type SliceRange, sliceIds } from '../../core/runs/slices.ts';
import { maxIdsPerQuery } from '../../salesforce/ids-per-query.ts';
import { type Extraction, requestedFields } from './extraction.ts';

/** Plans slices of Ids: for REST, unless that takes too many queries and Bulk can read the object. */
export function planIdSlices(extraction: Extraction, ids: readonly string[]): SliceRange[] {
  const { context, client, run, columns } = extraction;
  const limits = groupsOf(columns).map((fieldGroup) =>
    maxIdsPerQuery(client, run.job.objectName, requestedFields(extraction, { fieldGroup })),
  );
  const rest = Math.min(...limits.map((limit) => limit.rest));
  const bulk = Math.min(...limits.map((limit) => limit.bulk));
  const fewQueries = ids.length <= rest * context.limits.runSlices;
  return sliceIds(run.window, ids, Math.max(1, fewQueries || run.job.bulkRefused !== null ? rest : bulk));
}
