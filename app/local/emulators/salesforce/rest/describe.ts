import type { ObjectDefinition } from '../objects/object-definition.ts';
import type { Table } from '../org/table.ts';

/** What describe global returns for each object; sObject describe includes it, too. */
export function objectSummary(definition: ObjectDefinition, version: string): Record<string, unknown> {
  const { isSimulated, name, queryable } = definition;
  const path = `/services/data/v${version}/sobjects/${name}`;
  return {
    activateable: false,
    associateEntityType: null,
    associateParentEntity: null,
    createable: isSimulated,
    custom: name.endsWith('__c'),
    customSetting: false,
    deepCloneable: false,
    deletable: isSimulated,
    deprecatedAndHidden: false,
    feedEnabled: isSimulated,
    hasSubtypes: false,
    isInterface: false,
    isSubtype: false,
    keyPrefix: definition.keyPrefix,
    label: definition.label,
    labelPlural: definition.labelPlural,
    layoutable: isSimulated,
    mergeable: isSimulated && ['Account', 'Case', 'Contact', 'Lead'].includes(name),
    mruEnabled: isSimulated,
    name,
    queryable,
    replicateable: isSimulated,
    retrieveable: queryable,
    searchable: isSimulated,
    triggerable: isSimulated,
    undeletable: isSimulated,
    updateable: isSimulated,
    urls: { rowTemplate: `${path}/{ID}`, describe: `${path}/describe`, sobject: path },
    ...definition.summary,
  };
}

/** sObject describe, with every key of a real response in the same order. */
export function objectDescribe({ definition, fields }: Table, version: string, instanceUrl: string): Record<string, unknown> {
  const { isSimulated, name } = definition;
  const path = `/services/data/v${version}/sobjects/${name}`;
  const described = {
    ...objectSummary(definition, version),
    actionOverrides: [],
    childRelationships: definition.children.map((child) => ({
      cascadeDelete: false,
      childSObject: child.childSObject,
      deprecatedAndHidden: false,
      field: child.field,
      junctionIdListNames: [],
      junctionReferenceTo: [],
      relationshipName: child.relationshipName,
      restrictedDelete: false,
    })),
    compactLayoutable: isSimulated,
    defaultImplementation: null,
    extendedBy: null,
    extendsInterfaces: null,
    fields: fields.map((field) => field.facts),
    implementedBy: null,
    implementsInterfaces: null,
    listviewable: null,
    lookupLayoutable: null,
    namedLayoutInfos: [],
    networkScopeFieldName: null,
    recordTypeInfos: isSimulated ? [masterRecordType(path)] : [],
    searchLayoutable: isSimulated,
    sobjectDescribeOption: 'FULL',
    supportedScopes: isSimulated ? scopes(definition.labelPlural.toLowerCase()) : [],
    urls: objectUrls(definition, path, instanceUrl),
  };
  return Object.fromEntries(Object.entries(described).sort(([left], [right]) => (left < right ? -1 : 1)));
}

function masterRecordType(path: string): object {
  const recordTypeId = '012000000000000AAA';
  return {
    active: true,
    available: true,
    defaultRecordTypeMapping: true,
    developerName: 'Master',
    master: true,
    name: 'Master',
    recordTypeId,
    urls: { layout: `${path}/describe/layouts/${recordTypeId}` },
  };
}

function scopes(plural: string): object[] {
  return [
    { label: `All ${plural}`, name: 'everything' },
    { label: `My ${plural}`, name: 'mine' },
    { label: 'Filter by scope', name: 'scopingRule' },
    { label: `My team's ${plural}`, name: 'team' },
  ];
}

function objectUrls(definition: ObjectDefinition, path: string, instanceUrl: string): Record<string, string> {
  const plain = { rowTemplate: `${path}/{ID}`, describe: `${path}/describe`, sobject: path };
  if (!definition.isSimulated) return plain;
  return {
    compactLayouts: `${path}/describe/compactLayouts`,
    rowTemplate: plain.rowTemplate,
    approvalLayouts: `${path}/describe/approvalLayouts`,
    uiDetailTemplate: `${instanceUrl}/{ID}`,
    uiEditTemplate: `${instanceUrl}/{ID}/e`,
    listviews: `${path}/listviews`,
    describe: plain.describe,
    uiNewRecord: `${instanceUrl}/${definition.keyPrefix}/e`,
    quickActions: `${path}/quickActions`,
    layouts: `${path}/describe/layouts`,
    sobject: path,
  };
}
