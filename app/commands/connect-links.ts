import { formatInstant } from '../core/jobs/start-date.ts';
import { terminalTable } from './output/terminal-table.ts';
import { type Action, actionCommand, type Outcome } from './remote/action-command.ts';
import type { RemoteOptions } from './remote/open-service.ts';
import type { RemoteService } from './remote/remote-service.ts';
import type { ConnectLinkView, CreatedLinkView } from './remote/views.ts';

interface Options extends RemoteOptions {
  loginUrl?: string;
  orgId?: string;
}

/** What can be done with links, and the options of each. */
const ACTIONS: Record<string, Action<Options>> = {
  list: { takes: [], namesNone: true, run: list },
  create: { takes: ['loginUrl', 'orgId'], namesNone: true, run: create },
  revoke: { takes: [], run: revoke },
};

/** Lists the connect links, creates one, or revokes the one whose id is the second argument. */
export const connectLinks = actionCommand({ name: 'connect-links', one: 'link', named: '<id>' }, ACTIONS);

async function create(service: RemoteService, _id: string, { loginUrl, orgId }: Options): Promise<Outcome> {
  const created = await service.request<CreatedLinkView>('POST', 'v1/connect-links', { login_url: loginUrl, org_id: orgId });
  const { url, id, login_url, org_id, expires_at } = created;
  const connects = `It connects ${org_id ?? 'any org'} at ${login_url}, once and before ${formatInstant(new Date(expires_at))}.`;
  return {
    result: created,
    lines: [url, `${connects} It is not shown again. To revoke it: node app/cli.ts connect-links revoke ${id}.`],
  };
}

async function revoke(service: RemoteService, id: string): Promise<Outcome> {
  const revoked = await service.request<ConnectLinkView>('DELETE', `v1/connect-links/${encodeURIComponent(id)}`);
  return { result: revoked, lines: [`The link ${id} for ${revoked.login_url} is revoked.`] };
}

const COLUMNS = ['state', 'login host', 'org', 'created by', 'created', 'until', 'id'];

/** A table that fits the terminal. */
async function list(service: RemoteService): Promise<Outcome> {
  const links = await service.list<ConnectLinkView>('v1/connect-links', 'links');
  const table = terminalTable(
    COLUMNS.map((name) => ({ name, numeric: false })),
    links.map(toRow),
  );
  const none = 'There are no connect links. Create one with: node app/cli.ts connect-links create.';
  return { result: { links }, lines: links.length === 0 ? [none] : table };
}

function toRow({ id, state, login_url, org_id, created_by, created_at, expires_at }: ConnectLinkView): string[] {
  const [created, until] = [created_at, expires_at].map((at) => formatInstant(new Date(at)));
  return [state, new URL(login_url).host, org_id ?? 'any', created_by, created!, until!, id];
}
