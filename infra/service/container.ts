import * as pulumi from '@pulumi/pulumi';
import { APP_PORT } from '../network/ports.ts';
import { CONTAINER, MIGRATION } from './container-name.ts';

/** How long a stopping task has to release its runs: Fargate's maximum. */
const STOP_SECONDS = 120;

/** What a container has of its own. */
interface Variables {
  environment: Record<string, pulumi.Input<string>>;
  /** Secrets Manager references by variable */
  secrets: Record<string, pulumi.Input<string>>;
}

interface ContainersArgs {
  image: pulumi.Input<string>;
  app: Variables;
  migration: Variables;
  logGroup: pulumi.Input<string>;
  region: string;
  /** whether AWS's agent for tunnels runs in the app's container */
  hasTunnel: boolean;
}

/**
 * A task's container definitions, exactly as ECS returns them: with its defaults, without nulls, lists sorted by name.
 * Otherwise every update would see a difference and create a new task definition.
 */
export function containerDefinitions(args: ContainersArgs): pulumi.Output<string> {
  return pulumi.jsonStringify([
    {
      ...common(args, CONTAINER, args.app),
      mountPoints: [...hardening.mountPoints, ...(args.hasTunnel ? Object.entries(AGENT_VOLUMES).map(mountPoint) : [])],
      essential: true,
      // Only this other container can change tables.
      dependsOn: [{ containerName: MIGRATION, condition: 'SUCCESS' }],
      portMappings: [{ containerPort: APP_PORT, hostPort: APP_PORT, protocol: 'tcp' }],
      healthCheck,
      stopTimeout: STOP_SECONDS,
    },
    {
      ...common(args, MIGRATION, args.migration),
      command: ['node', 'app/cli.ts', 'migrate'],
      // It ends before the app starts.
      essential: false,
      portMappings: [],
    },
  ]);
}

function common({ image, logGroup, region }: ContainersArgs, name: string, { environment, secrets }: Variables) {
  return {
    name,
    image,
    environment: byName(environment).map(([variable, value]) => ({ name: variable, value })),
    secrets: byName(secrets).map(([variable, valueFrom]) => ({ name: variable, valueFrom })),
    ...hardening,
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': logGroup,
        'awslogs-region': region,
        'awslogs-stream-prefix': CONTAINER,
        // A blocked log must not stop the service. Lines that do not fit the buffer are lost.
        mode: 'non-blocking',
        'max-buffer-size': '4m',
      },
    },
    systemControls: [],
    volumesFrom: [],
  };
}

/** The volume mounted at /tmp, the only writable folder. */
export const TEMPORARY_VOLUME = 'temporary';

/** Where the agent of Systems Manager writes, by volume: the rest of the file system is read-only. */
export const AGENT_VOLUMES = { 'agent-state': '/var/lib/amazon', 'agent-log': '/var/log/amazon' };

function mountPoint([sourceVolume, containerPath]: [string, string]) {
  return { containerPath, readOnly: false, sourceVolume };
}

const hardening = {
  user: 'node',
  readonlyRootFilesystem: true,
  mountPoints: [mountPoint([TEMPORARY_VOLUME, '/tmp'])],
  linuxParameters: {
    capabilities: { add: [], drop: ['ALL'] },
    // As process 1, Node would have no default signal handling and would not reap child processes.
    initProcessEnabled: true,
  },
};

/** Uses Node because the image has no curl. */
const healthCheck = {
  command: [
    'CMD',
    'node',
    '-e',
    `fetch('http://127.0.0.1:${APP_PORT}/healthz').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))`,
  ],
  interval: 15,
  retries: 3,
  startPeriod: 60,
  timeout: 5,
};

function byName<Value>(record: Record<string, Value>): [string, Value][] {
  return Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1));
}
