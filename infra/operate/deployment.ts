import type { Aws, Stack } from './stack.ts';

interface Deployment {
  status: string;
  /** seconds since 1970 if the CLI is set to show times as it gets them */
  createdAt: string | number;
  taskDefinition: string;
  rolloutState: string;
  runningCount: number;
  desiredCount: number;
}

/** Whether ECS runs what the last `up` deployed, and nothing else. @returns the fault */
export async function checkDeployment(stack: Stack, aws: Aws): Promise<string | undefined> {
  const live = await readDeployment(stack, aws);
  if (!live) return `Cluster ${stack.cluster} has no service ${stack.serviceName}. Run \`npm run pulumi -- up\`.`;
  if (live.taskDefinition !== stack.taskDefinition) {
    return `The service runs ${live.taskDefinition}, not ${stack.taskDefinition}. ECS rolled back the deployment. The end of log group ${stack.logGroup} says why: correct that and run \`npm run pulumi -- up\`, or set imageUri to the image of ${live.taskDefinition.split('/').at(-1)} and run it.`;
  }
  if (live.rolloutState !== 'COMPLETED') return `The deployment is ${live.rolloutState}, not COMPLETED.`;
  if (live.runningCount < live.desiredCount) return `Only ${live.runningCount} of ${live.desiredCount} tasks are running.`;
  return undefined;
}

/** When ECS began the deployment that runs, in milliseconds since 1970; 0 if there is none. */
export async function readDeploymentTime(stack: Stack, aws: Aws): Promise<number> {
  const { createdAt = 0 } = (await readDeployment(stack, aws)) ?? {};
  return typeof createdAt === 'number' ? createdAt * 1000 : Date.parse(createdAt);
}

async function readDeployment(stack: Stack, aws: Aws): Promise<Deployment | undefined> {
  const args = ['ecs', 'describe-services', '--cluster', stack.cluster, '--services', stack.serviceName];
  const { services } = await aws<{ services: { deployments: Deployment[] }[] }>(...args);
  return services[0]?.deployments.find(({ status }) => status === 'PRIMARY');
}
