import type { QueryParameter } from '../jobs/job.ts';
import { ApiError, invalidQuery } from '../rest/api-error.ts';
import type { Service } from '../service.ts';
import type { Sources } from '../sql/scope.ts';
import type { TablePath } from '../sql/tree.ts';
import { cast, type Value } from '../sql/value.ts';
import { type ColumnType, scalar, scalarName, storedAs, text } from './column-type.ts';
import { informationSchema } from './information-schema.ts';
import { queriedTable, type TableReference } from './table.ts';

export interface SourceOptions {
  defaultDataset?: { datasetId?: string } | undefined;
  queryParameters?: QueryParameter[] | undefined;
  /** The job's location, if the request specified one. */
  location?: string | undefined;
}

/** The catalog and the parameters, in which a statement's names are resolved. */
export function sourcesOf(service: Service, options: SourceOptions): Sources {
  let names = 0;
  const metadata = new Set<string>();
  return {
    find(path) {
      const metadataView = informationSchema(service, path, options);
      if (metadataView) {
        metadata.add(metadataView.metadata);
        return metadataView;
      }
      const entry = findEntry(service, referenceOf(service, path, options), options.location);
      return entry.resource.view ? { view: entry.resource.view.query } : queriedTable(entry);
    },
    parameters: new Map((options.queryParameters ?? []).map((each) => [String(each.name ?? '').toLowerCase(), parameterValue(each)])),
    reads: new Map(),
    updates: new Map(),
    metadata,
    uniqueName: () => `q${names++}`,
  };
}

function findEntry({ catalog, project }: Service, reference: TableReference, location: string | undefined) {
  if (location !== undefined) catalog.datasetIn(reference.datasetId, location);
  const found = catalog.findTable(reference);
  if (found) return found;
  const dataset = catalog.dataset(reference.datasetId);
  throw new ApiError(
    'notFound',
    `Not found: Table ${project}:${reference.datasetId}.${reference.tableId} was not found in location ${dataset.location}`,
  );
}

/** `project.dataset.table`, `dataset.table`, or `table` in the default dataset. */
export function referenceOf(service: Service, path: TablePath, options: SourceOptions): TableReference {
  const names =
    path.names.length === 1 && options.defaultDataset?.datasetId ? [options.defaultDataset.datasetId, ...path.names] : path.names;
  const [tableId, datasetId, projectId = service.project] = [...names].reverse();
  if (tableId === undefined || datasetId === undefined) {
    throw new ApiError('invalid', `Table "${names.join('.')}" must be qualified with a dataset (e.g. dataset.table).`);
  }
  if (names.length > 3) throw invalidQuery(`The local BigQuery does not support ${names.join('.')}`, path.place);
  if (projectId !== service.project)
    throw new ApiError('accessDenied', `Access Denied: Project ${projectId}: the local BigQuery has only ${service.project}`);
  return { projectId, datasetId, tableId };
}

function parameterValue({ name, parameterType, parameterValue: given }: QueryParameter): Value {
  if (!name) throw invalidQuery('The local BigQuery supports only named query parameters');
  if (parameterType?.type === 'ARRAY') {
    const items = (given?.arrayValues ?? []).map((item) => scalarValue(parameterType.arrayType?.type, item.value).sql);
    const type: ColumnType = { name: 'ARRAY', element: scalarValue(parameterType.arrayType?.type, null).type };
    return { sql: `CAST([${items.join(', ')}] AS ${storedAs(type)})`, type };
  }
  return scalarValue(parameterType?.type, given?.value);
}

function scalarValue(typeName: string | undefined, given: string | null | undefined): Value {
  const name = scalarName(typeName ?? '');
  if (!name) throw invalidQuery(`The local BigQuery does not support query parameters of type ${typeName}`);
  if (given === undefined || given === null) return cast({ sql: 'NULL', type: { name: 'NULL' } }, scalar(name), false);
  const written: Value = { sql: text(String(given)), type: scalar('STRING') };
  const literal = name === 'STRING' || name === 'INT64' || name === 'FLOAT64' ? { literal: String(given) } : {};
  return { ...cast(written, scalar(name), false), ...literal };
}
