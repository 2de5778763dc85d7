import { loadAwsServiceSpec } from '@aws-cdk/aws-service-spec';

/** AWS's restrictions of a value, as far as they can be parsed. */
export interface Specification {
  allowedValues: unknown[] | undefined;
  maxLength: number | undefined;
  range: [min: number, max: number] | undefined;
  /** matches texts of the allowed characters */
  characters: RegExp | undefined;
}

interface Type {
  type: string;
  allowedValues?: unknown[];
  element?: Type;
  reference?: { $ref: string };
}

interface Property {
  type: Type;
  documentation?: string;
}

type Properties = Record<string, Property>;

/** Looks up a resource's property by its case-insensitive path, for example `networkConfiguration.subnets`. */
export type Specify = (resource: string, path: string) => Specification | undefined;

/** Loads AWS's specification of CloudFormation resources. */
export async function loadSpecification(): Promise<Specify> {
  const service = await loadAwsServiceSpec();
  const below = ({ type }: Property): Properties | undefined => {
    const one = type.element ?? type;
    return one.reference && (service.get('typeDefinition', one.reference.$ref).properties as unknown as Properties);
  };
  return (resource, path) => {
    const [type] = service.lookup('resource', 'cloudFormationType', 'equals', resource);
    if (!type) throw new Error(`AWS has no specification of ${resource}.`);
    let properties: Properties | undefined = type.properties as unknown as Properties;
    let property: Property | undefined;
    for (const name of path.split('.')) {
      property = Object.entries(properties ?? {}).find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1];
      if (!property) return undefined;
      properties = below(property);
    }
    return property && specifyProperty(property);
  };
}

function specifyProperty({ type, documentation = '' }: Property): Specification {
  const one = type.element ?? type;
  return {
    allowedValues: one.allowedValues ?? findAllowedValues(documentation),
    maxLength: findNumber(
      documentation,
      /(?:up to|maximum of|maximum length (?:of each string )?is|maximum size (?:of each string )?is) (\d+) (?:letters|characters)/i,
    ),
    range: findRange(documentation),
    characters: findCharacters(documentation),
  };
}

/** Without a formal list, the documentation may name the values in a sentence or a list below it: `Valid values are …`, `Valid Values: …`. */
function findAllowedValues(text: string): string[] | undefined {
  const [, sentence = ''] = /\b(?:valid|possible|allowed) values\b[^`:\n]*:?([^.\n]*(?:\n+ *[-*] .*)*)/i.exec(text) ?? [];
  const values = [...sentence.matchAll(/`([^`]+)`/g)].flatMap(([, part]) => part!.split(/[\s|"]+/)).filter(Boolean);
  return values.length > 1 ? values : undefined;
}

/** `Allowed characters are a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=;{}!$*` */
function findCharacters(text: string): RegExp | undefined {
  const [, others] = /\b(?:allowed|valid) characters(?: are|:) a-z, A-Z, 0-9, spaces, and (\S+)/i.exec(text) ?? [];
  return others === undefined ? undefined : new RegExp(`^[A-Za-z0-9 ${others.replace(/[\]\\^-]/g, '\\$&')}]*$`);
}

function findNumber(text: string, pattern: RegExp): number | undefined {
  const number = pattern.exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** `a value between 7 and 30 days`, `from 0 to 35`, `The range is 5-300`; undefined if the text contains several. */
function findRange(text: string): [number, number] | undefined {
  const plain = text.replaceAll(/[`,]/g, '');
  const pattern =
    /(?:value (?:between|from)|value from|range is|integer (?:value )?from) (\d+)(?: seconds)?(?: \([^)]*\))?(?:-| and | to )(\d+)\b/gi;
  const ranges = [...plain.matchAll(pattern)].map(([, min, max]) => [Number(min), Number(max)] as [number, number]);
  return ranges.length === 1 ? ranges[0] : undefined;
}
