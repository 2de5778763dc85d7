import type { ProgramRun } from './run-program.ts';

export interface Container {
  [name: string]: unknown;
  image: string;
  environment: { name: string; value: string }[];
  secrets: { name: string; valueFrom: string }[];
}

/** The app's container in a run's task definition. */
export function taskContainer(run: ProgramRun): Container {
  const { containerDefinitions } = run.one('aws:ecs/taskDefinition:TaskDefinition').inputs;
  const [container, ...others] = JSON.parse(String(containerDefinitions)) as Container[];
  if (!container || others.length > 0) throw new Error('Expected exactly one container in the task definition.');
  return container;
}
