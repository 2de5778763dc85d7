import { loadAwsServiceSpec } from '@aws-cdk/aws-service-spec';

/** What AWS says of a value. Undefined: nothing that can be read. */
export interface Described {
  words: unknown[] | undefined;
  longest: number | undefined;
  range: [least: number, most: number] | undefined;
  /** what it may be made of */
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

/** Finds what AWS says of a property of a resource, by the path of its names in any case, such as `networkConfiguration.subnets`. */
export type Describe = (resource: string, path: string) => Described | undefined;

/** Reads AWS's own description of its resources, as CloudFormation has them. */
export async function loadDescription(): Promise<Describe> {
  const specification = await loadAwsServiceSpec();
  const below = ({ type }: Property): Properties | undefined => {
    const one = type.element ?? type;
    return one.reference && (specification.get('typeDefinition', one.reference.$ref).properties as unknown as Properties);
  };
  return (resource, path) => {
    const [found] = specification.lookup('resource', 'cloudFormationType', 'equals', resource);
    if (!found) throw new Error(`AWS describes no ${resource}`);
    let properties: Properties | undefined = found.properties as unknown as Properties;
    let property: Property | undefined;
    for (const name of path.split('.')) {
      property = Object.entries(properties ?? {}).find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1];
      if (!property) return undefined;
      properties = below(property);
    }
    return property && describeProperty(property);
  };
}

function describeProperty({ type, documentation = '' }: Property): Described {
  const one = type.element ?? type;
  return {
    words: one.allowedValues ?? findWords(documentation),
    longest: findNumber(
      documentation,
      /(?:up to|maximum of|maximum length (?:of each string )?is|maximum size (?:of each string )?is) (\d+) (?:letters|characters)/i,
    ),
    range: findRange(documentation),
    characters: findCharacters(documentation),
  };
}

/** Where AWS has no list, a sentence may name the words, in its line or in a list below it: `Valid values are …`, `Valid Values: …`. */
function findWords(text: string): string[] | undefined {
  const [, sentence = ''] = /\b(?:valid|possible|allowed) values\b[^`:\n]*:?([^.\n]*(?:\n+ *[-*] .*)*)/i.exec(text) ?? [];
  const words = [...sentence.matchAll(/`([^`]+)`/g)].flatMap(([, part]) => part!.split(/[\s|"]+/)).filter(Boolean);
  return words.length > 1 ? words : undefined;
}

/** `Allowed characters are a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=;{}!$*` */
function findCharacters(text: string): RegExp | undefined {
  const [, others] = /\b(?:allowed|valid) characters(?: are|:) a-z, A-Z, 0-9, spaces, and (\S+)/i.exec(text) ?? [];
  return others === undefined ? undefined : new RegExp(`^[A-Za-z0-9 ${others.replace(/[\]\\^-]/g, '\\$&')}]*$`);
}

function findNumber(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** `a value between 7 and 30 days`, `from 0 to 35`, `The range is 5-300`; of several, only where there is one. */
function findRange(text: string): [number, number] | undefined {
  const plain = text.replaceAll(/[`,]/g, '');
  const pattern =
    /(?:value (?:between|from)|value from|range is|integer (?:value )?from) (\d+)(?: seconds)?(?: \([^)]*\))?(?:-| and | to )(\d+)\b/gi;
  const found = [...plain.matchAll(pattern)].map(([, least, most]) => [Number(least), Number(most)] as [number, number]);
  return found.length === 1 ? found[0] : undefined;
}
