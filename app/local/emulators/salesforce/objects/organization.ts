import { field, SYSTEM } from '../org/field.ts';
import { addressFields, auditFields } from './common-fields.ts';
import type { ObjectDefinition } from './object-definition.ts';

/** The single row that describes the org: here, a sandbox. */
export const organization = (orgId: string): ObjectDefinition => ({
  name: 'Organization',
  label: 'Organization',
  labelPlural: 'Organizations',
  keyPrefix: '00D',
  queryable: true,
  bulk: true,
  isSimulated: false,
  summary: { updateable: true },
  rows: 1,
  children: [],
  fields: [
    field('id', 'Id', 'Organization ID', SYSTEM, { derive: () => orgId }),
    field('string', 'Name', 'Name', { length: 80, nameField: true, updateable: false }, { derive: () => 'Burlington Textiles Corp.' }),
    ...addressFields(''),
    field('phone', 'Phone', 'Phone'),
    field('picklist', 'DefaultLocaleSidKey', 'Locale', {}, { derive: () => 'de_DE_EURO' }),
    field('picklist', 'TimeZoneSidKey', 'Time Zone', {}, { derive: () => 'Europe/Berlin' }),
    field('picklist', 'LanguageLocaleKey', 'Language', {}, { derive: () => 'en_US' }),
    field('picklist', 'OrganizationType', 'Edition', SYSTEM, { derive: () => 'Enterprise Edition' }),
    field('string', 'NamespacePrefix', 'Namespace Prefix', { ...SYSTEM, length: 15 }),
    field('string', 'InstanceName', 'Instance Name', { ...SYSTEM, length: 5 }, { derive: () => 'DEU44' }),
    field('boolean', 'IsSandbox', 'Is Sandbox', SYSTEM, { derive: () => true }),
    field('datetime', 'TrialExpirationDate', 'Trial Expiration Date', SYSTEM),
    ...auditFields(1),
  ],
});
