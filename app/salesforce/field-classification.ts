import { AppError, isAppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';

/** How an org's admins have classified a field's data. */
export interface FieldClassification {
  field: string;
  /** such as Confidential; null: not classified */
  security: string | null;
  /** such as PII and GDPR */
  compliance: string[];
}

interface Reply {
  QualifiedApiName?: unknown;
  SecurityClassification?: unknown;
  ComplianceGroup?: unknown;
}

/**
 * The classification of each field of an object, also of fields that the user may not see (Tooling API, FieldDefinition; it takes one equality
 * as a filter). Undefined if the user may not read it. @throws AppError
 */
export async function readFieldClassifications(client: SalesforceClient, objectName: string): Promise<FieldClassification[] | undefined> {
  const soql = `SELECT QualifiedApiName, SecurityClassification, ComplianceGroup FROM FieldDefinition WHERE EntityDefinitionId = '${objectName}'`;
  try {
    const { records } = await client.call(`read the fields of ${objectName}`, (connection) =>
      connection.query<Reply>(soql, { maxFetch: 2_000 }),
    );
    return records.map((record) => toClassification(record, objectName));
  } catch (error) {
    if (isAppError(error) && error.code === 'salesforce_refused') return undefined;
    throw error;
  }
}

function toClassification(record: Reply, objectName: string): FieldClassification {
  const { QualifiedApiName: field, SecurityClassification: security, ComplianceGroup: compliance } = record;
  if (typeof field !== 'string')
    throw new AppError('salesforce_unavailable', `Salesforce returned a malformed description of the fields of ${objectName}.`);
  return {
    field,
    security: typeof security === 'string' && security !== '' ? security : null,
    compliance: typeof compliance === 'string' ? compliance.split(';').filter(Boolean) : [],
  };
}
