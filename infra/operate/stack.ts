import { runJson } from './program.ts';

/** What the program's outputs say of the stack that is selected; see infra/index.ts. */
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

/** Asks AWS: `aws <service> <operation> …`, in the stack's region. */
export type Aws = <Answer>(...args: string[]) => Promise<Answer>;

/** Reads the outputs of the stack that is selected. @throws Error when it has not been deployed */
export async function readStack(): Promise<Stack> {
  const stack = await runJson<Partial<Stack>>('pulumi', ['stack', 'output', '--json']);
  if (!stack.cluster || !stack.region) throw new Error('The stack has no outputs: run `npm run pulumi -- up` first.');
  return stack as Stack;
}

export function awsIn(region: string): Aws {
  return (...args) => runJson('aws', [...args, '--region', region, '--output', 'json', '--no-cli-pager']);
}
