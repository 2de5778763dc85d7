import { account } from './account.ts';
import { accountHistory } from './account-history.ts';
import { caseObject } from './case-object.ts';
import { contact } from './contact.ts';
import { customObjects } from './custom-objects.ts';
import { everything } from './everything.ts';
import { group } from './group.ts';
import { lead } from './lead.ts';
import type { ObjectDefinition } from './object-definition.ts';
import { opportunity } from './opportunity.ts';
import { organization } from './organization.ts';
import type { RowCounts } from './row-counts.ts';
import { activityHistory, appDefinition, contentDocumentLink, statusObject } from './small-objects.ts';
import { task } from './task.ts';
import { user } from './user.ts';
import { entitySubscription, loginHistory } from './without-stamps.ts';

/** Every object of an org that has rows. @param custom how many small custom objects */
export function objectDefinitions(orgId: string, rows: RowCounts, custom: number): ObjectDefinition[] {
  return [
    account(rows.Account),
    accountHistory(rows.AccountHistory, rows.Account),
    activityHistory,
    appDefinition,
    caseObject(rows),
    statusObject('CaseStatus', '0Wl'),
    contact(rows.Contact, rows.Account),
    contentDocumentLink,
    entitySubscription(rows.Account),
    everything(rows),
    group,
    lead(rows.Lead),
    loginHistory,
    opportunity(rows.Opportunity, rows.Account, rows.Contact),
    organization(orgId),
    task(rows),
    statusObject('TaskStatus', '0Wm'),
    user,
    ...customObjects(custom),
  ];
}
