import type { Context } from '../../context.ts';
import { readOrgFacts } from '../../salesforce/org-facts.ts';
import { type OrgFacts, saveOrgFacts } from '../../store/connections/change-connection.ts';
import type { Connection } from '../../store/connections/connections.ts';

/** Reads the names of a connection's user and org, and whether that is a sandbox, from Salesforce, and stores them. @throws AppError */
export async function learnOrg(context: Context, { id, userId }: Connection, signal?: AbortSignal): Promise<OrgFacts> {
  const facts = await readOrgFacts(context.salesforce(id, signal), userId);
  await saveOrgFacts(context.database, id, facts);
  return facts;
}
