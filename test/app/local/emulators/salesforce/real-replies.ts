// Facts of real orgs' replies, written down by hand: names, statuses and forms that a client depends on, and no records.

const split = (text: string): string[] => text.trim().split(/\s+/);

/** Headers of every reply of the REST and Bulk APIs, in lower case, apart from those that only browsers heed. */
const EVERY_REPLY = split('cache-control date set-cookie strict-transport-security x-content-type-options x-robots-tag');

/** A reply's status, the names of its headers, and those headers whose values clients act on; null: not sent. */
export interface RealReply {
  status: number;
  headerNames: string[];
  headers: Record<'Content-Type' | 'Vary' | 'WWW-Authenticate' | 'Cache-Control', string | null>;
}

function reply(status: number, contentType: string | null, more: string[] = [], vary: string | null = null): RealReply {
  const names = [...EVERY_REPLY, ...more, ...(contentType ? ['content-type'] : []), ...(vary ? ['vary'] : [])];
  const headers = {
    'Content-Type': contentType,
    Vary: vary,
    'WWW-Authenticate': more.includes('www-authenticate') ? 'Token' : null,
    'Cache-Control': 'no-cache,must-revalidate,max-age=0,no-store,private',
  };
  return { status, headerNames: names, headers };
}

const JSON_TYPE = 'application/json;charset=UTF-8';
const USAGE = 'sforce-limit-info';

/** A query's page, a created Bulk job, and a job's state. */
export const JSON_REPLY = reply(200, JSON_TYPE, [USAGE], 'Accept-Encoding');
export const RESULT_PAGE = reply(200, 'text/csv', [USAGE, 'sforce-locator', 'sforce-numberofrecords'], 'Accept-Encoding');
export const DELETED_JOB = reply(204, null, [USAGE]);
export const REFUSED_QUERY = reply(400, JSON_TYPE, [USAGE]);
export const UNKNOWN_OBJECT = reply(404, JSON_TYPE, [USAGE]);
/** Refused before the org is known: neither counts as a call of the org. */
export const UNKNOWN_VERSION = reply(404, JSON_TYPE);
export const NO_SESSION = reply(401, JSON_TYPE, ['www-authenticate']);

/** Keys of JSON replies, in their order, with the kind of each value. */
export const CREATED_JOB = split(`
  id:string operation:string object:string createdById:string createdDate:string systemModstamp:string state:string concurrencyMode:string
  contentType:string apiVersion:number lineEnding:string columnDelimiter:string
`);
export const COMPLETE_JOB = split(`
  id:string operation:string object:string createdById:string createdDate:string systemModstamp:string state:string concurrencyMode:string
  contentType:string apiVersion:number jobType:string lineEnding:string columnDelimiter:string numberRecordsProcessed:number retries:number
  totalProcessingTime:number
`);
export const QUERY_PAGE_KEYS = split('totalSize done nextRecordsUrl records');

/** The keys of a describe, in their order. */
export const DESCRIBE_KEYS = split(`
  actionOverrides activateable associateEntityType associateParentEntity childRelationships compactLayoutable createable custom
  customSetting deepCloneable defaultImplementation deletable deprecatedAndHidden extendedBy extendsInterfaces feedEnabled fields
  hasSubtypes implementedBy implementsInterfaces isInterface isSubtype keyPrefix label labelPlural layoutable listviewable
  lookupLayoutable mergeable mruEnabled name namedLayoutInfos networkScopeFieldName queryable recordTypeInfos replicateable
  retrieveable searchLayoutable searchable sobjectDescribeOption supportedScopes triggerable undeletable updateable urls
`);

/** The keys of a field in a describe, in their order. */
export const FIELD_KEYS = split(`
  aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive compoundFieldName
  controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate dependentPicklist deprecatedAndHidden digits
  displayLocationInDecimal encrypted externalId extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable
  highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType name nameField namePointing nillable permissionable
  picklistValues polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo relationshipName relationshipOrder
  restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead
`);

export const PICKLIST_VALUE_KEYS = split('active defaultValue label validFor value');

const NULLS = split(`
  calculatedFormula compoundFieldName controllerName defaultValue defaultValueFormula extraTypeInfo filteredLookupInfo inlineHelpText
  mask maskType referenceTargetField relationshipName relationshipOrder
`);
const ZEROS = split('byteLength digits length precision scale');

/** A field as a line: name, type, and every fact that is neither null, 0, false nor an empty list. Labels and picklists are each org's own. */
export function factsOf(field: Record<string, unknown>): string {
  const { name, type, label: _label, picklistValues: _values, ...facts } = field;
  const given = Object.entries(facts).filter(([key, value]) => !isEmpty(key, value));
  return [
    name,
    type,
    ...given.map(([key, value]) => (value === true ? key : `${key}=${Array.isArray(value) ? value.join('+') : value}`)),
  ].join(' ');
}

function isEmpty(key: string, value: unknown): boolean {
  if (key === 'referenceTo') return (value as unknown[]).length === 0;
  return value === (NULLS.includes(key) ? null : ZEROS.includes(key) ? 0 : false);
}

/** The standard fields of two objects, in the order of their describes. */
export const STANDARD_FIELDS = {
  Contact: [
    'Id id aggregatable byteLength=18 defaultedOnCreate filterable groupable idLookup length=18 soapType=tns:ID sortable',
    'IsDeleted boolean defaultValue=false defaultedOnCreate filterable groupable soapType=xsd:boolean sortable',
    'MasterRecordId reference aggregatable byteLength=18 filterable groupable length=18 nillable referenceTo=Contact relationshipName=MasterRecord soapType=tns:ID sortable',
    'AccountId reference aggregatable byteLength=18 createable filterable groupable length=18 nillable permissionable referenceTo=Account relationshipName=Account searchPrefilterable soapType=tns:ID sortable updateable',
    'LastName string aggregatable byteLength=240 compoundFieldName=Name createable extraTypeInfo=personname filterable groupable length=80 soapType=xsd:string sortable updateable',
    'FirstName string aggregatable byteLength=120 compoundFieldName=Name createable extraTypeInfo=personname filterable groupable length=40 nillable soapType=xsd:string sortable updateable',
    'Salutation picklist aggregatable byteLength=120 compoundFieldName=Name createable extraTypeInfo=personname filterable groupable length=40 nillable soapType=xsd:string sortable updateable',
    'Name string aggregatable byteLength=363 extraTypeInfo=personname filterable groupable length=121 nameField soapType=xsd:string sortable',
    'OtherStreet textarea aggregatable byteLength=765 compoundFieldName=OtherAddress createable extraTypeInfo=plaintextarea filterable groupable length=255 nillable permissionable soapType=xsd:string sortable updateable',
    'OtherCity string aggregatable byteLength=120 compoundFieldName=OtherAddress createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'OtherState string aggregatable byteLength=240 compoundFieldName=OtherAddress createable filterable groupable length=80 nillable permissionable soapType=xsd:string sortable updateable',
    'OtherPostalCode string aggregatable byteLength=60 compoundFieldName=OtherAddress createable filterable groupable length=20 nillable permissionable soapType=xsd:string sortable updateable',
    'OtherCountry string aggregatable byteLength=240 compoundFieldName=OtherAddress createable filterable groupable length=80 nillable permissionable soapType=xsd:string sortable updateable',
    'OtherLatitude double aggregatable compoundFieldName=OtherAddress createable filterable nillable permissionable precision=18 scale=15 soapType=xsd:double sortable updateable',
    'OtherLongitude double aggregatable compoundFieldName=OtherAddress createable filterable nillable permissionable precision=18 scale=15 soapType=xsd:double sortable updateable',
    'OtherGeocodeAccuracy picklist aggregatable byteLength=120 compoundFieldName=OtherAddress createable filterable groupable length=40 nillable permissionable restrictedPicklist soapType=xsd:string sortable updateable',
    'OtherAddress address filterable nillable permissionable queryByDistance soapType=urn:address',
    'MailingStreet textarea aggregatable byteLength=765 compoundFieldName=MailingAddress createable extraTypeInfo=plaintextarea filterable groupable length=255 nillable permissionable soapType=xsd:string sortable updateable',
    'MailingCity string aggregatable byteLength=120 compoundFieldName=MailingAddress createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'MailingState string aggregatable byteLength=240 compoundFieldName=MailingAddress createable filterable groupable length=80 nillable permissionable soapType=xsd:string sortable updateable',
    'MailingPostalCode string aggregatable byteLength=60 compoundFieldName=MailingAddress createable filterable groupable length=20 nillable permissionable soapType=xsd:string sortable updateable',
    'MailingCountry string aggregatable byteLength=240 compoundFieldName=MailingAddress createable filterable groupable length=80 nillable permissionable soapType=xsd:string sortable updateable',
    'MailingLatitude double aggregatable compoundFieldName=MailingAddress createable filterable nillable permissionable precision=18 scale=15 soapType=xsd:double sortable updateable',
    'MailingLongitude double aggregatable compoundFieldName=MailingAddress createable filterable nillable permissionable precision=18 scale=15 soapType=xsd:double sortable updateable',
    'MailingGeocodeAccuracy picklist aggregatable byteLength=120 compoundFieldName=MailingAddress createable filterable groupable length=40 nillable permissionable restrictedPicklist soapType=xsd:string sortable updateable',
    'MailingAddress address filterable nillable permissionable queryByDistance soapType=urn:address',
    'Phone phone aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'Fax phone aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'MobilePhone phone aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'HomePhone phone aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'OtherPhone phone aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'AssistantPhone phone aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'ReportsToId reference aggregatable byteLength=18 createable filterable groupable length=18 nillable permissionable referenceTo=Contact relationshipName=ReportsTo searchPrefilterable soapType=tns:ID sortable updateable',
    'Email email aggregatable byteLength=240 createable filterable groupable idLookup length=80 nillable permissionable soapType=xsd:string sortable updateable',
    'Title string aggregatable byteLength=384 createable filterable groupable length=128 nillable permissionable soapType=xsd:string sortable updateable',
    'Department string aggregatable byteLength=240 createable filterable groupable length=80 nillable permissionable soapType=xsd:string sortable updateable',
    'AssistantName string aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable soapType=xsd:string sortable updateable',
    'LeadSource picklist aggregatable byteLength=765 createable filterable groupable length=255 nillable permissionable soapType=xsd:string sortable updateable',
    'Birthdate date aggregatable createable filterable groupable nillable permissionable soapType=xsd:date sortable updateable',
    'Description textarea byteLength=96000 createable extraTypeInfo=plaintextarea length=32000 nillable permissionable soapType=xsd:string updateable',
    'OwnerId reference aggregatable byteLength=18 createable defaultedOnCreate filterable groupable length=18 referenceTo=User relationshipName=Owner soapType=tns:ID sortable updateable',
    'CreatedDate datetime aggregatable defaultedOnCreate filterable soapType=xsd:dateTime sortable',
    'CreatedById reference aggregatable byteLength=18 defaultedOnCreate filterable groupable length=18 referenceTo=User relationshipName=CreatedBy soapType=tns:ID sortable',
    'LastModifiedDate datetime aggregatable defaultedOnCreate filterable soapType=xsd:dateTime sortable',
    'LastModifiedById reference aggregatable byteLength=18 defaultedOnCreate filterable groupable length=18 referenceTo=User relationshipName=LastModifiedBy soapType=tns:ID sortable',
    'SystemModstamp datetime aggregatable defaultedOnCreate filterable soapType=xsd:dateTime sortable',
    'LastActivityDate date aggregatable filterable groupable nillable soapType=xsd:date sortable',
    'LastCURequestDate datetime aggregatable filterable nillable soapType=xsd:dateTime sortable',
    'LastCUUpdateDate datetime aggregatable filterable nillable soapType=xsd:dateTime sortable',
    'LastViewedDate datetime aggregatable filterable nillable soapType=xsd:dateTime sortable',
    'LastReferencedDate datetime aggregatable filterable nillable soapType=xsd:dateTime sortable',
    'EmailBouncedReason string aggregatable byteLength=765 createable filterable groupable length=255 nillable soapType=xsd:string sortable updateable',
    'EmailBouncedDate datetime aggregatable createable filterable nillable soapType=xsd:dateTime sortable updateable',
    'IsEmailBounced boolean defaultValue=false defaultedOnCreate filterable groupable soapType=xsd:boolean sortable',
    'PhotoUrl url aggregatable byteLength=765 extraTypeInfo=imageurl filterable groupable length=255 nillable soapType=xsd:string sortable',
    'Jigsaw string aggregatable byteLength=60 createable filterable groupable length=20 nillable permissionable soapType=xsd:string sortable updateable',
    'JigsawContactId string aggregatable byteLength=60 filterable groupable length=20 nillable relationshipName=JigsawContact soapType=xsd:string sortable',
    'CleanStatus picklist aggregatable byteLength=120 createable filterable groupable length=40 nillable permissionable restrictedPicklist soapType=xsd:string sortable updateable',
    'IndividualId reference aggregatable byteLength=18 createable filterable groupable length=18 nillable referenceTo=Individual relationshipName=Individual searchPrefilterable soapType=tns:ID sortable updateable',
  ],
  Opportunity: [
    'Id id aggregatable byteLength=18 defaultedOnCreate filterable groupable idLookup length=18 soapType=tns:ID sortable',
    'IsDeleted boolean defaultValue=false defaultedOnCreate filterable groupable soapType=xsd:boolean sortable',
    'AccountId reference aggregatable byteLength=18 createable filterable groupable length=18 nillable permissionable referenceTo=Account relationshipName=Account searchPrefilterable soapType=tns:ID sortable updateable',
    'IsPrivate boolean createable defaultValue=false defaultedOnCreate filterable groupable permissionable soapType=xsd:boolean sortable updateable',
    'Name string aggregatable byteLength=360 createable filterable groupable idLookup length=120 nameField soapType=xsd:string sortable updateable',
    'Description textarea byteLength=96000 createable extraTypeInfo=plaintextarea length=32000 nillable permissionable soapType=xsd:string updateable',
    'StageName picklist aggregatable byteLength=765 createable filterable groupable length=255 soapType=xsd:string sortable updateable',
    'Amount currency aggregatable createable filterable nillable permissionable precision=18 scale=2 soapType=xsd:double sortable updateable',
    'Probability percent aggregatable createable defaultedOnCreate filterable nillable permissionable precision=3 soapType=xsd:double sortable updateable',
    'ExpectedRevenue currency aggregatable filterable nillable permissionable precision=18 scale=2 soapType=xsd:double sortable',
    'TotalOpportunityQuantity double aggregatable createable filterable nillable permissionable precision=18 scale=2 soapType=xsd:double sortable updateable',
    'CloseDate date aggregatable createable filterable groupable soapType=xsd:date sortable updateable',
    'Type picklist aggregatable byteLength=765 createable filterable groupable length=255 nillable permissionable soapType=xsd:string sortable updateable',
    'NextStep string aggregatable byteLength=765 createable filterable groupable length=255 nillable permissionable soapType=xsd:string sortable updateable',
    'LeadSource picklist aggregatable byteLength=765 createable filterable groupable length=255 nillable permissionable soapType=xsd:string sortable updateable',
    'IsClosed boolean defaultValue=false defaultedOnCreate filterable groupable soapType=xsd:boolean sortable',
    'IsWon boolean defaultValue=false defaultedOnCreate filterable groupable soapType=xsd:boolean sortable',
    'ForecastCategory picklist aggregatable byteLength=120 filterable groupable length=40 restrictedPicklist soapType=xsd:string sortable',
    'ForecastCategoryName picklist aggregatable byteLength=765 createable defaultedOnCreate filterable groupable length=255 nillable restrictedPicklist soapType=xsd:string sortable updateable',
    'CampaignId reference aggregatable byteLength=18 createable filterable groupable length=18 nillable permissionable referenceTo=Campaign relationshipName=Campaign searchPrefilterable soapType=tns:ID sortable updateable',
    'HasOpportunityLineItem boolean defaultValue=false defaultedOnCreate filterable groupable soapType=xsd:boolean sortable',
    'Pricebook2Id reference aggregatable byteLength=18 createable defaultedOnCreate filterable groupable length=18 nillable referenceTo=Pricebook2 relationshipName=Pricebook2 searchPrefilterable soapType=tns:ID sortable updateable',
    'OwnerId reference aggregatable byteLength=18 createable defaultedOnCreate filterable groupable length=18 referenceTo=User relationshipName=Owner soapType=tns:ID sortable updateable',
    'CreatedDate datetime aggregatable defaultedOnCreate filterable soapType=xsd:dateTime sortable',
    'CreatedById reference aggregatable byteLength=18 defaultedOnCreate filterable groupable length=18 referenceTo=User relationshipName=CreatedBy soapType=tns:ID sortable',
    'LastModifiedDate datetime aggregatable defaultedOnCreate filterable soapType=xsd:dateTime sortable',
    'LastModifiedById reference aggregatable byteLength=18 defaultedOnCreate filterable groupable length=18 referenceTo=User relationshipName=LastModifiedBy soapType=tns:ID sortable',
    'SystemModstamp datetime aggregatable defaultedOnCreate filterable soapType=xsd:dateTime sortable',
    'LastActivityDate date aggregatable filterable groupable nillable soapType=xsd:date sortable',
    'LastStageChangeDate datetime aggregatable filterable nillable soapType=xsd:dateTime sortable',
    'FiscalQuarter int aggregatable compoundFieldName=Fiscal digits=8 filterable groupable nillable soapType=xsd:int sortable',
    'FiscalYear int aggregatable compoundFieldName=Fiscal digits=8 filterable groupable nillable soapType=xsd:int sortable',
    'Fiscal string aggregatable byteLength=6 filterable groupable length=6 nillable soapType=xsd:string sortable',
    'ContactId reference aggregatable byteLength=18 createable filterable groupable length=18 nillable referenceTo=Contact soapType=tns:ID sortable',
    'LastViewedDate datetime aggregatable filterable nillable soapType=xsd:dateTime sortable',
    'LastReferencedDate datetime aggregatable filterable nillable soapType=xsd:dateTime sortable',
    'HasOpenActivity boolean defaultValue=false defaultedOnCreate groupable soapType=xsd:boolean',
    'HasOverdueTask boolean defaultValue=false defaultedOnCreate groupable soapType=xsd:boolean',
    'LastAmountChangedHistoryId reference aggregatable byteLength=18 filterable groupable length=18 nillable referenceTo=OpportunityHistory relationshipName=LastAmountChangedHistory searchPrefilterable soapType=tns:ID sortable',
    'LastCloseDateChangedHistoryId reference aggregatable byteLength=18 filterable groupable length=18 nillable referenceTo=OpportunityHistory relationshipName=LastCloseDateChangedHistory searchPrefilterable soapType=tns:ID sortable',
  ],
};
