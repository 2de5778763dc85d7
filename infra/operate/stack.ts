import { runJson } from './program.ts';

/** The outputs of the selected stack; see infra/index.ts. */
export interface Stack {
  region: string;
  url: string;
  cluster: string;
  serviceName: string;
  taskDefinition: string;
  logGroup: string;
  targetGroup: string;
  scheduleRule: string;
  scheduleConnection: string;
  scheduleEnabled: boolean;
  scheduleMinutes: number;
  alarmTopic: string;
}

/** Runs `aws <service> <operation> …` in the stack's region. @returns the parsed output */
export type Aws = <Output>(...args: string[]) => Promise<Output>;

/** Reads the outputs of the selected stack. @throws Error if it has not been deployed */
export async function readStack(): Promise<Stack> {
  const stack = await runJson<Partial<Stack>>('pulumi', ['stack', 'output', '--json']);
  if (!stack.cluster || !stack.region) throw new Error('The stack has no outputs. Run `npm run pulumi -- up` first.');
  return stack as Stack;
}

/** The AWS CLI in one region. */
export function awsIn(region: string): Aws {
  return (...args) => runJson('aws', [...args, '--region', region, '--output', 'json', '--no-cli-pager']);
}
