import type { Context } from '../../context.ts';
import { parseIdentityUrl } from '../../core/connections/identity.ts';
import { isAlias } from '../../core/jobs/alias.ts';
import { AppError } from '../../errors.ts';
import { type Connection, findConnection, findConnectionByAlias, findConnectionById } from '../../store/connections/connections.ts';

/**
 * The connection with this user_id, alias or id.
 * @param field the field that names it, for error messages
 * @throws AppError invalid_request, not_found
 */
export async function requireConnection(context: Context, name: string, field = 'user_id'): Promise<Connection> {
  const identity = parseIdentityUrl(name);
  const connection = await (identity ? findConnection(context.database, identity) : findByShortName(context, name));
  if (connection) return connection;
  if (identity) throw new AppError('not_found', 'No connection has this user_id. Call get_oauth_url and login_oauth_callback first.');
  throw new AppError(
    field === 'user_id' ? 'invalid_request' : 'not_found',
    `${field} must be the URL returned by login_oauth_callback, https://login.salesforce.com/id/<org>/<user>, or the alias or id of a connection. /v1/connections lists all of them.`,
  );
}

async function findByShortName({ database }: Context, name: string): Promise<Connection | undefined> {
  if (/^[1-9]\d{0,14}$/.test(name)) return await findConnectionById(database, Number(name));
  return isAlias(name) ? await findConnectionByAlias(database, name) : undefined;
}
