import { account } from './account.ts';
import { contact } from './contact.ts';
import type { ObjectDefinition } from './object-definition.ts';
import { opportunity } from './opportunity.ts';
import { activityHistory, appDefinition, statusObject } from './small-objects.ts';

/** Every object of an org with this many accounts, in alphabetical order as describe global lists them. */
export function objectsOf(size: number): ObjectDefinition[] {
  const contacts = Math.ceil(size * 1.5);
  const opportunities = Math.ceil(size * 0.8);
  return [
    account(size),
    activityHistory,
    appDefinition,
    statusObject('CaseStatus', '0Wl'),
    contact(contacts, size),
    opportunity(opportunities, size, contacts),
    statusObject('TaskStatus', '0Wm'),
  ];
}
