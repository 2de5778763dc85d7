import type { Context } from '../../context.ts';
import { type ListName, parseNewFields, parsePatterns, requireUnprotectedAnywhere } from '../../core/fields/field-policy.ts';
import { isAlias } from '../../core/jobs/alias.ts';
import { parseQuietHours } from '../../core/jobs/quiet-hours.ts';
import { AppError } from '../../errors.ts';
import { insertChange } from '../../store/audit.ts';
import { type ConnectionSettings, changeStoredConnection } from '../../store/connections/change-connection.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { transaction } from '../../store/database.ts';
import { columnOf } from '../../store/to-record.ts';
import { policyDetails, requireHashSalt } from '../jobs/choose-policy.ts';

/** What to set, as the caller wrote it; empty: nothing any more; undefined: unchanged. */
export interface ConnectionChangeRequest {
  alias?: string | undefined;
  apiShare?: string | undefined;
  quietHours?: string | undefined;
  /** this and the next two: for jobs that are created from then on */
  excludeFields?: string | undefined;
  hashFields?: string | undefined;
  newFields?: string | undefined;
}

/**
 * Changes what users set for a connection.
 * @param by who requested it
 * @throws AppError invalid_request; conflict if another connection has the alias
 */
export async function changeConnection(
  context: Context,
  connection: Connection,
  request: ConnectionChangeRequest,
  by: string,
): Promise<void> {
  const changes = readChanges(request);
  requireHashSalt(context, changes.hashFields ?? []);
  if (Object.keys(changes).length === 0) {
    throw new AppError(
      'invalid_request',
      'Nothing to change. Send alias, api_share, quiet_hours, exclude_fields, hash_fields or new_fields; an empty one is removed.',
    );
  }
  const fields = Object.keys(changes).map(columnOf);
  await transaction(context.database, async (client) => {
    if (!(await changeStoredConnection(client, connection.id, changes))) {
      throw new AppError(
        'conflict',
        `Another connection has the alias ${changes.alias}. Choose another alias, or change that connection first.`,
      );
    }
    await insertChange(client, {
      by,
      action: 'connection_changed',
      connectionId: connection.id,
      details: { fields, ...policyDetails(changes) },
    });
  });
  context.events.connectionChanged(connection, fields, by);
}

function readChanges({
  alias,
  apiShare,
  quietHours,
  excludeFields,
  hashFields,
  newFields,
}: ConnectionChangeRequest): Partial<ConnectionSettings> {
  return {
    ...(alias !== undefined && { alias: alias === '' ? null : readAlias(alias) }),
    ...(apiShare !== undefined && { apiShare: apiShare === '' ? null : readShare(apiShare) }),
    ...(quietHours !== undefined && { quietHours: quietHours === '' ? null : parseQuietHours(quietHours) }),
    ...(excludeFields !== undefined && { excludeFields: readPatterns('exclude_fields', excludeFields) }),
    ...(hashFields !== undefined && { hashFields: readPatterns('hash_fields', hashFields) }),
    ...(newFields !== undefined && { newFields: newFields === '' ? null : parseNewFields(newFields) }),
  };
}

function readPatterns(name: ListName, text: string): string[] {
  const patterns = parsePatterns(name, text);
  requireUnprotectedAnywhere(name, patterns);
  return patterns;
}

function readAlias(text: string): string {
  if (isAlias(text)) return text;
  throw new AppError(
    'invalid_request',
    'alias must be up to 40 lower-case letters, digits, underscores or hyphens, and start with a letter, for example production.',
  );
}

function readShare(text: string): number {
  const share = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (share >= 0.01 && share <= 1) return share;
  throw new AppError('invalid_request', 'api_share must be a number between 0.01 and 1, for example 0.3; empty for API_SHARE.');
}
