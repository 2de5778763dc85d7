import { field } from '../org/field.ts';
import { auditFields, idField, isDeletedField } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

const BUSINESS =
  'Asset Campaign CampaignMember Contract ContractLineItem Entitlement Event Individual Invoice Location Order OrderItem OrderItemSummary OrderSummary PartnerFundClaim PartnerMarketingBudget PaymentTerm Pricebook2 Product2 ProductItem ProductRequest ProductTransfer Quote QuoteLineItem ReturnOrder ServiceAppointment ServiceContract ServiceCrew ServiceResource ServiceTerritory Shipment SocialPersona Solution Survey SurveyResponse TimeSheet TimeSlot WorkOrder WorkOrderLineItem WorkPlan WorkStep WorkType'.split(
    ' ',
  );
const CUSTOM_WHOLES = 'Cargo Dock Fleet Harbour Hotel Machine Patient Plant Project Region Season Shop Station Vessel'.split(' ');
const CUSTOM_PARTS = 'Audit Semaphore Claim Document Event Forecast Grant Inspection Ledger Member Offer Plan Review Visit'.split(' ');
const RELATIVES = ['ChangeEvent', 'Feed', 'History', 'Share'] as const;
/** Real objects whose related objects are generated here; objects that exist themselves come first. */
const WITH_ROWS = ['Account', 'Case', 'Contact', 'Everything__c', 'Lead', 'Opportunity', 'Task', 'User'];
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

type Relative = (typeof RELATIVES)[number];

interface Filler {
  name: string;
  keyPrefix: string | null;
  relative?: { kind: Relative; parent: string };
}

const FILLERS = new Map(fillers().map((filler) => [filler.name.toLowerCase(), filler]));
const DEFINITIONS = new Map<string, ObjectDefinition>();

/** Objects without rows that make the org as large as a real one, where describe global lists about 1,200. */
export function fillerDefinitions(): ObjectDefinition[] {
  return [...FILLERS.keys()].flatMap((name) => fillerDefinition(name) ?? []);
}

/** A filler object by its lower-case name. */
export function fillerDefinition(name: string): ObjectDefinition | undefined {
  const filler = FILLERS.get(name);
  if (!filler) return undefined;
  const definition = DEFINITIONS.get(name) ?? definitionOf(filler);
  DEFINITIONS.set(name, definition);
  return definition;
}

function fillers(): Filler[] {
  const custom = CUSTOM_WHOLES.flatMap((whole) => CUSTOM_PARTS.map((part) => `${whole}${part}__c`));
  const parents = [...BUSINESS, ...custom].map((name, index) => ({ name, keyPrefix: keyPrefix(name, index) }));
  const related = [...WITH_ROWS, ...parents.map(({ name }) => name)].flatMap(relativesOf);
  return [...parents, ...related];
}

function relativesOf(parent: string): Filler[] {
  return RELATIVES.map((kind) => ({ name: relativeName(parent, kind), keyPrefix: null, relative: { kind, parent } }));
}

/** `AccountShare`, or `Everything__Share` for a custom object. */
function relativeName(parent: string, kind: Relative): string {
  return parent.endsWith('__c') ? `${parent.slice(0, -1)}${kind}` : `${parent}${kind}`;
}

/** Key prefixes of custom objects count up from a01, those of standard objects from 1A0. */
function keyPrefix(name: string, index: number): string {
  const [first, number] = name.endsWith('__c') ? ['a', index + 1] : ['1', index + 360];
  return `${first}${DIGITS[Math.floor(number / 36)]}${DIGITS[number % 36]}`;
}

/** Fields are generated on demand, because a thousand describes would be large. */
function definitionOf({ name, keyPrefix: prefix, relative }: Filler): ObjectDefinition {
  const label = name.replace(/__c$/, '').replaceAll(/__|(?<=[a-z\d])(?=[A-Z])/g, ' ');
  const queryable = relative?.kind !== 'ChangeEvent';
  return {
    name,
    label,
    labelPlural: relative ? label : `${label}s`,
    keyPrefix: prefix,
    queryable,
    bulk: queryable,
    isSimulated: false,
    summary: relative ? relativeSummary(relative) : { createable: true, updateable: true, deletable: true, replicateable: true },
    rows: 0,
    children: [],
    get fields() {
      return [
        idField(`${label} ID`),
        isDeletedField(),
        field('string', 'Name', 'Name', { length: 80, nameField: true }),
        ...auditFields(0),
      ];
    },
  };
}

function relativeSummary({ kind, parent }: { kind: Relative; parent: string }): Record<string, unknown> {
  return { associateEntityType: kind, associateParentEntity: parent, replicateable: kind === 'History', custom: false };
}
