import type { Service } from '../service.ts';
import { checkLabel } from '../sql/options.ts';
import { columnsOfQuery } from '../sql/plan.ts';
import { type Field, quoted, sameType, typeOfField } from '../storage/column-type.ts';
import { queryRows, type Transaction } from '../storage/database.ts';
import { newTableResource } from '../storage/new-table.ts';
import { changedPartitioning, checkPartitioning, expirePartitions } from '../storage/partitions.ts';
import { filtersOf, requireAllRows } from '../storage/row-access.ts';
import { changeSchema, checkFields, checkPrimaryKey } from '../storage/schema-change.ts';
import { sourcesOf } from '../storage/sources.ts';
import {
  queriedTable,
  storedSql,
  type TableConstraints,
  type TableEntry,
  type TableResource,
  type TimePartitioning,
  tableKey,
} from '../storage/table.ts';
import { ApiError } from './api-error.ts';
import { readList, rowOf } from './cell.ts';
import { type Exchange, type Handler, jsonBody, type Router } from './http.ts';
import { checkPrecondition, merge, page, pickPatch, pickValues, requireProject } from './resource.ts';
import { timestampForm } from './results.ts';

const STORED_FIELDS = ['friendlyName', 'description', 'labels', 'expirationTime', 'clustering', 'timePartitioning', 'tableConstraints'];
const PATCHABLE = ['friendlyName', 'description', 'labels', 'expirationTime', 'clustering', 'tableConstraints'];

/** tables.insert, get, list, patch, update, delete and tabledata.list. */
export function addTableRoutes(router: Router, service: Service): void {
  const all = '/bigquery/v2/projects/:projectId/datasets/:datasetId/tables';
  router.on('POST', all, insertTable(service));
  router.on('GET', all, listTables(service));
  router.on('GET', `${all}/:tableId`, async (exchange) => {
    await expirePartitions(service);
    return tableAnswer(service, entryOf(service, exchange));
  });
  router.on('PATCH', `${all}/:tableId`, changeTable(service));
  router.on('DELETE', `${all}/:tableId`, deleteTable(service));
  router.on('GET', `${all}/:tableId/data`, listRows(service));
}

const referenceOf = ({ parameters }: Exchange) => ({ datasetId: parameters.datasetId!, tableId: parameters.tableId! });

function entryOf(service: Service, exchange: Exchange): TableEntry {
  requireProject(service, exchange.parameters);
  return service.catalog.table(referenceOf(exchange));
}

async function tableAnswer(service: Service, entry: TableEntry): Promise<object> {
  if (!entry.stored) return entry.resource;
  const [rows, bytes] = await Promise.all([service.catalog.rowCount(entry), service.catalog.columnBytes(entry)]);
  const numBytes = String([...bytes.values()].reduce((sum, each) => sum + each, 0));
  return { ...entry.resource, numRows: String(rows), numBytes, numLongTermBytes: '0' };
}

function insertTable(service: Service): Handler {
  return async ({ request, parameters }) => {
    requireProject(service, parameters);
    const body = await jsonBody(request);
    const reference = {
      datasetId: parameters.datasetId!,
      tableId: (body.tableReference as { tableId?: string } | undefined)?.tableId ?? '',
    };
    if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u.test(reference.tableId))
      throw new ApiError('invalid', `Invalid table ID "${reference.tableId}".`);
    const entry = await service.locks.hold(tableKey(reference), () => makeTable(service, reference, body));
    return tableAnswer(service, entry);
  };
}

function makeTable(
  service: Service,
  reference: { datasetId: string; tableId: string },
  body: Record<string, unknown>,
): Promise<TableEntry> {
  const { catalog, database } = service;
  catalog.dataset(reference.datasetId);
  if (catalog.findTable(reference)) throw new ApiError('duplicate', `Already Exists: Table ${service.project}:${tableKey(reference)}`);
  const view = body.view as { query: string; useLegacySql?: boolean } | undefined;
  const requestedFields = (body.schema as { fields?: Field[] } | undefined)?.fields ?? [];
  if (view && view.useLegacySql !== false)
    throw new ApiError('invalid', 'The local BigQuery does not support legacy SQL. Set view.useLegacySql to false');
  const fields = view ? columnsOfQuery(view.query, sourcesOf(service, {})) : checkFields(requestedFields);
  checkLabels(body);
  checkPartitioning(body, fields);
  checkPrimaryKey(body.tableConstraints as TableConstraints | undefined, fields);
  const resource = newTableResource(service, reference, fields, {
    ...pickValues(body, STORED_FIELDS),
    ...(view ? { type: 'VIEW', view: { query: view.query, useLegacySql: false } } : {}),
  });
  return database.transaction(async (transaction) => {
    const stored = view ? undefined : await catalog.createStored(transaction, fields);
    return catalog.putTable(transaction, { key: tableKey(reference), stored, resource });
  });
}

function checkLabels(body: Record<string, unknown>): void {
  try {
    for (const [key, value] of Object.entries((body.labels ?? {}) as Record<string, string | null>)) checkLabel(key, value ?? '');
  } catch (cause) {
    throw new ApiError('invalid', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function listTables(service: Service): Handler {
  return ({ parameters, query }) => {
    requireProject(service, parameters);
    const all = service.catalog.tables(parameters.datasetId!);
    const { items, nextPageToken } = page(all, query);
    const tables = items.map(({ resource }) => {
      const listed = [
        'id',
        'kind',
        'tableReference',
        'type',
        'labels',
        'friendlyName',
        'creationTime',
        'expirationTime',
        'timePartitioning',
        'clustering',
        'view',
      ];
      return pickValues(resource, listed);
    });
    return { kind: 'bigquery#tableList', ...(tables.length > 0 ? { tables } : {}), ...nextPageToken, totalItems: all.length };
  };
}

function changeTable(service: Service): Handler {
  return async (exchange) => {
    const { request } = exchange;
    requireProject(service, exchange.parameters);
    const body = await jsonBody(request);
    if (service.faults.take('expiration-kept', tableKey(referenceOf(exchange)))) {
      delete body.expirationTime;
      delete body.timePartitioning;
    }
    const entry = await service.locks.hold(tableKey(referenceOf(exchange)), async () => {
      const before = entryOf(service, exchange);
      checkPrecondition(request, before.resource.etag);
      checkLabels(body);
      const partitioning = body.timePartitioning as TimePartitioning | null | undefined;
      const timePartitioning =
        partitioning === undefined ? {} : { timePartitioning: changedPartitioning(before.resource.timePartitioning, partitioning) };
      return service.database.transaction(async (transaction) => {
        const wanted = (body.schema as { fields?: Field[] } | undefined)?.fields;
        const fields = wanted ? await changedFields(service, transaction, before, wanted) : before.resource.schema.fields;
        checkPartitioning({ ...body, timePartitioning: undefined }, fields);
        checkPrimaryKey(body.tableConstraints as TableConstraints | undefined, fields);
        const resource = { ...merge(before.resource, pickPatch(body, PATCHABLE)), ...timePartitioning, schema: { fields } };
        return service.catalog.putTable(transaction, { ...before, resource: withView(service, resource, body) });
      });
    });
    return tableAnswer(service, entry);
  };
}

/** Of a view, a schema may change only the descriptions. */
async function changedFields(service: Service, transaction: Transaction, before: TableEntry, wanted: Field[]): Promise<Field[]> {
  if (before.stored) return await changeSchema(transaction, before, wanted, service.project);
  const checked = checkFields(wanted);
  const { fields } = before.resource.schema;
  const isSame = checked.length === fields.length && checked.every((field, index) => sameColumn(field, fields[index]!));
  if (!isSame) throw new ApiError('invalid', `Provided Schema does not match Table ${service.project}:${before.key}.`);
  return checked;
}

function sameColumn(one: Field, other: Field): boolean {
  return one.name === other.name && sameType(typeOfField(one), typeOfField(other));
}

function withView(service: Service, resource: TableResource, body: Record<string, unknown>): TableResource {
  const view = body.view as { query?: string } | undefined;
  if (!view?.query || resource.type !== 'VIEW') return resource;
  return {
    ...resource,
    view: { query: view.query, useLegacySql: false },
    schema: { fields: columnsOfQuery(view.query, sourcesOf(service, {})) },
  };
}

function deleteTable(service: Service): Handler {
  return async (exchange) => {
    await service.locks.hold(tableKey(referenceOf(exchange)), () => {
      const entry = entryOf(service, exchange);
      return service.database.transaction((transaction) => service.catalog.removeTable(transaction, entry));
    });
    return undefined;
  };
}

const MAX_ROWS = 10_000;

function listRows(service: Service): Handler {
  return async (exchange) => {
    await expirePartitions(service);
    const entry = entryOf(service, exchange);
    if (!entry.stored) throw new ApiError('invalid', `Cannot list a table of type ${entry.resource.type}.`);
    requireAllRows(entry.key, filtersOf(entry.policies));
    const { query } = exchange;
    const start = Number(query.get('pageToken') ?? query.get('startIndex') ?? 0);
    const size = Math.min(Number(query.get('maxResults') ?? MAX_ROWS), MAX_ROWS);
    const total = await service.catalog.rowCount(entry);
    const stored = queriedTable(entry).columns;
    const columns = stored.map(({ name, type }) => ({ name: quoted(name), type }));
    const types = stored.map((column) => column.type);
    const rows = await service.database.withConnection((connection) =>
      queryRows(connection, `SELECT ${readList(columns)} FROM ${storedSql(entry.stored!)} ORDER BY rowid LIMIT ${size} OFFSET ${start}`),
    );
    const next = start + rows.length < total ? { pageToken: String(start + rows.length) } : {};
    const form = timestampForm(query.get('formatOptions.timestampOutputFormat'), query.get('formatOptions.useInt64Timestamp') === 'true');
    const list = rows.map((row) => rowOf(row, types, form));
    return {
      kind: 'bigquery#tableDataList',
      etag: entry.resource.etag,
      totalRows: String(total),
      ...(list.length > 0 ? { rows: list } : {}),
      ...next,
    };
  };
}
