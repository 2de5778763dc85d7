import { revokeLink } from '../actions/connections/connect-links.ts';
import { type Context, createContext } from '../context.ts';
import { formatInstant } from '../core/jobs/start-date.ts';
import { createEvents } from '../events.ts';
import { createLog } from '../log.ts';
import { type ConnectLink, listConnectLinks } from '../store/connections/connect-links.ts';
import { COMMAND_LINE, type Command } from './command.ts';
import { terminalTable } from './output/terminal-table.ts';
import { readServiceConfig, type ServiceOptions } from './read-service-config.ts';
import { requireFittingOptions } from './require-fitting-options.ts';

/** Links are deleted 30 days after they have expired. */
const MAX_LISTED = 1_000;

/** Lists the connect links, or revokes the one whose id is the second argument. Its events go to standard error. */
export const connectLinks: Command<ServiceOptions> = async ({ args, options, env }) => {
  const [, id] = args;
  requireFittingOptions({ name: 'connect-links', one: 'link', named: '<id>' }, { revoke: { takes: [] } }, args, options);
  const { config } = await readServiceConfig(options, env);
  const context = createContext(config, createEvents(createLog(process.stderr)));
  try {
    const lines = id === undefined ? await describeLinks(context) : [await revokeAndDescribe(context, id)];
    for (const line of lines) console.log(line);
    return 0;
  } finally {
    await context.close();
  }
};

async function revokeAndDescribe(context: Context, id: string): Promise<string> {
  const { loginUrl } = await revokeLink(context, id, COMMAND_LINE);
  return `The link ${id} for ${loginUrl} is revoked.`;
}

/** A table that fits the terminal. */
async function describeLinks({ database }: Context): Promise<string[]> {
  const { links } = await listConnectLinks(database, { limit: MAX_LISTED, after: undefined });
  if (links.length === 0) return ['There are no connect links. Create one with POST /v1/connect-links.'];
  const names = ['state', 'login host', 'org', 'created by', 'created', 'until', 'id'];
  return terminalTable(
    names.map((name) => ({ name, numeric: false })),
    links.map(toRow),
  );
}

function toRow({ id, state, loginUrl, orgId, createdBy, createdAt, expiresAt }: ConnectLink): string[] {
  return [state, new URL(loginUrl).host, orgId ?? 'any', createdBy, formatInstant(createdAt), formatInstant(expiresAt), id];
}
