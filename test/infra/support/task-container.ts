import { expect } from '@jest/globals';
import type { ProgramRun } from './run-program.ts';

export interface Container {
  [name: string]: unknown;
  image: string;
  environment: { name: string; value: string }[];
  secrets: { name: string; valueFrom: string }[];
}

/** A container in a run's task definition: by default the app's. */
export function taskContainer(run: ProgramRun, name: 'app' | 'migrate' = 'app'): Container {
  const { containerDefinitions } = run.one('aws:ecs/taskDefinition:TaskDefinition').inputs;
  const containers = JSON.parse(String(containerDefinitions)) as Container[];
  expect(containers.map((one) => one.name)).toEqual(['app', 'migrate']);
  return containers.find((one) => one.name === name)!;
}
