import { runJson } from './program.ts';

/** The project's name in Pulumi.yaml, the prefix of its own keys. */
const project = 'salesforce-bigquery';

/** The outputs of the selected stack; see infra/index.ts. */
export interface Stack {
  region: string;
  url: string;
  cluster: string;
  serviceName: string;
  taskDefinition: string;
  logGroup: string;
  /** missing without a load balancer */
  targetGroup?: string;
  scheduleRule: string;
  scheduleConnection?: string;
  scheduleEnabled: boolean;
  scheduleMinutes: number;
  alarmTopic: string;
  findingTopic: string;
  /** whether Pulumi refuses to delete what must not be lost; missing before the first `up` with this release, as the next two */
  protect?: boolean;
  /** the numbers of the schedule's keys that are deployed */
  tickKeys?: number[];
  /** the numbers of the token keys that are deployed */
  tokenKeys?: number[];
}

/** Runs `aws <service> <operation> …` in the stack's region. @returns the parsed output */
export type Aws = <Output>(...args: string[]) => Promise<Output>;

/** Reads the outputs of the selected stack. @throws Error if it has not been deployed */
export async function readStack(): Promise<Stack> {
  const stack = await runJson<Partial<Stack>>('pulumi', ['stack', 'output', '--json']);
  if (!stack.cluster || !stack.region) throw new Error('The stack has no outputs. Run `npm run pulumi -- up` first.');
  return stack as Stack;
}

/** Reads the selected stack's configuration, with the defaults of Pulumi.yaml: own keys without their prefix. Secrets are left out. */
export async function readStackConfig(): Promise<Record<string, string>> {
  const config = await runJson<Record<string, { value?: string }>>('pulumi', ['config', '--json']);
  const entries = Object.entries(config).map(([key, { value = '' }]) => [key.replace(`${project}:`, ''), value]);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The AWS CLI in one region. */
export function awsIn(region: string): Aws {
  return (...args) => runJson('aws', [...args, '--region', region, '--output', 'json', '--no-cli-pager']);
}
