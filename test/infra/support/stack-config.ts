import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export type StackName = 'dev' | 'production';

/** A configuration as the CLI passes it to the program: text by full key, lists as JSON. */
export type FlatConfig = Record<string, string>;

interface Declaration {
  type?: string;
  default?: unknown;
  secret?: boolean;
}

interface Project {
  name: string;
  main: string;
  runtime: { name: string; options: { typescript: boolean } };
  config: Record<string, Declaration>;
}

/** The YAML parser of Pulumi's own SDK. */
const yaml = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'))('js-yaml') as { load(text: string): unknown };

export const project = yaml.load(readFileSync('Pulumi.yaml', 'utf8')) as Project;

export const SALESFORCE_SECRET = 'c0ffee-salesforce-consumer-secret';

/** A hash in the form that `printf %s "$KEY" | sha256sum` prints. */
export const OPERATOR_KEY_HASH = 'ab'.repeat(32);

/** The values that Pulumi.dev.yaml lists for the operator to set in a copy. */
const DEV_VALUES = {
  'gcp:project': 'acme-sync',
  domainName: 'sync-dev.acme.test',
  hostedZoneId: 'Z0123456789ABCDEFGHIJ',
  allowedCidrs: ['198.51.100.7/32'],
  alarmEmails: ['oncall@acme.test'],
  salesforceApps: JSON.stringify({ 'acme.my.salesforce.com': { client_id: '3MVG9acme', client_secret: SALESFORCE_SECRET } }),
};

/** Values for the placeholders in production's example, and for what its comments say to set. */
const PRODUCTION_VALUES = {
  ...DEV_VALUES,
  domainName: 'sync.acme.test',
  'aws:allowedAccountIds': ['123456789012'],
  // More than fit into one listener rule.
  allowedCidrs: ['198.51.100.0/24', '203.0.113.1/32', '203.0.113.2/32', '203.0.113.3/32', '203.0.113.4/32'],
  apiKeys: [`console:operate:${OPERATOR_KEY_HASH}`],
  datasetReaders: ['group:analysts@acme.test', 'user:ada@acme.test', 'domain:acme.test'],
  imageUri: `123456789012.dkr.ecr.eu-north-1.amazonaws.com/sync@sha256:${'d'.repeat(64)}`,
};

/** Production's example, which an operator copies. */
export const EXAMPLE = 'infra/Pulumi.production.example.yaml';

/** A stack's committed file, completed as an operator would, over the defaults of Pulumi.yaml. */
export function stackConfig(stack: StackName, changes: Record<string, unknown> = {}): FlatConfig {
  return flatten({ ...stackValues(stack), ...changes });
}

/** The same, as it is in the file: without the defaults, and lists as lists. */
export function stackValues(stack: StackName): Record<string, unknown> {
  const [file, values] = stack === 'dev' ? ['Pulumi.dev.yaml', DEV_VALUES] : [EXAMPLE, PRODUCTION_VALUES];
  return { ...readStackFile(file), ...values };
}

/** A stack's committed file, unmodified. */
export function readStackFile(file: string): Record<string, unknown> {
  const { config } = yaml.load(readFileSync(file, 'utf8')) as { config: Record<string, unknown> };
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace(`${project.name}:`, ''), value]));
}

/** Adds the defaults of Pulumi.yaml, and converts everything to the form in which the CLI passes it. */
export function flatten(values: Record<string, unknown>): FlatConfig {
  const defaults = Object.entries(project.config).flatMap(([key, { default: value }]) => (value === undefined ? [] : [[key, value]]));
  return Object.fromEntries(
    Object.entries({ ...Object.fromEntries(defaults), ...values }).map(([key, value]) => [
      key.includes(':') ? key : `${project.name}:${key}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}

/** What an operator sets with `config set --secret`. */
export const secretKeys = ['salesforceApps', 'alertWebhookUrl', 'alertWebhookSecret'].map((key) => `${project.name}:${key}`);
