import type { NamedConnection } from '../../store/connections/connection-list.ts';
import type { Markup } from '../html.ts';
import { connectionName } from './alerts.ts';
import { option } from './job-form-fields.ts';

/** Connections to choose from, by name; those that share one, such as several users of an org, with their users. @param chosen its id */
export function connectionOptions(connections: readonly NamedConnection[], chosen: number | undefined): Markup[] {
  const named = Map.groupBy(connections, connectionName);
  return [...named]
    .sort(([one], [other]) => one.localeCompare(other))
    .flatMap(([name, sameName]) =>
      sameName.map(({ id, username }) =>
        option(String(id), sameName.length > 1 ? `${name} (${username ?? `connection ${id}`})` : name, id === chosen),
      ),
    );
}
