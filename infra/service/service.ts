import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import type { Database } from '../database.ts';
import type { DatabaseLogins } from '../database-logins.ts';
import type { Encryption } from '../encryption.ts';
import type { Ingress } from '../network/ingress.ts';
import type { Network } from '../network/network.ts';
import { APP_PORT } from '../network/ports.ts';
import { policyDocument, type Statement } from '../policy.ts';
import type { Secrets } from '../secrets.ts';
import type { TickQueue } from '../tick-queue.ts';
import type { Warehouse } from '../warehouse.ts';
import { AGENT_VOLUMES, containerDefinitions, TEMPORARY_VOLUME } from './container.ts';
import { CONTAINER } from './container-name.ts';
import { appEnvironment, migrationEnvironment, migrationSecrets } from './environment.ts';
import type { Image } from './image.ts';
import type { Roles } from './roles.ts';

interface ServiceArgs {
  settings: Settings;
  network: Network;
  roles: Roles;
  encryption: Encryption;
  image: Image;
  database: Database;
  logins: DatabaseLogins;
  secrets: Secrets;
  warehouse: Warehouse;
  /** undefined: there is no load balancer, so the ticks come by a queue, and operators by a tunnel */
  ingress: Ingress | undefined;
  tickQueue: TickQueue | undefined;
}

/** The app on Fargate. */
export class Service extends pulumi.ComponentResource {
  readonly clusterName: pulumi.Output<string>;
  readonly serviceName: pulumi.Output<string>;
  readonly taskDefinitionArn: pulumi.Output<string>;
  readonly logGroupName: pulumi.Output<string>;
  /** resolves once its tasks are steady */
  readonly service: aws.ecs.Service;

  constructor(args: ServiceArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    super('sync:infra:Service', settings.name, {}, options);
    const logs = createLogGroup(this, settings, args.encryption);
    const permissions = [grantExecution(this, args, logs), grantTask(this, args)];
    const taskDefinition = createTaskDefinition(this, args, logs);
    const cluster = new aws.ecs.Cluster(
      settings.name,
      { settings: [{ name: 'containerInsights', value: settings.observability.containerInsights }] },
      { parent: this },
    );
    this.service = createService(this, args, cluster, taskDefinition, permissions);
    this.clusterName = cluster.name;
    this.serviceName = this.service.name;
    this.taskDefinitionArn = taskDefinition.arn;
    this.logGroupName = logs.name;
    this.registerOutputs({ taskDefinitionArn: this.taskDefinitionArn });
  }
}

function createLogGroup(
  parent: pulumi.Resource,
  { name, observability, protect }: Settings,
  { keyArn }: Encryption,
): aws.cloudwatch.LogGroup {
  return new aws.cloudwatch.LogGroup(
    name,
    { retentionInDays: observability.logRetentionDays, ...(keyArn ? { kmsKeyId: keyArn } : {}) },
    { parent, protect },
  );
}

/** ECS may pull our images, read our secrets and write our log. AWS's managed policy would let it pull any image and write any log. */
function grantExecution(parent: pulumi.Resource, args: ServiceArgs, logs: aws.cloudwatch.LogGroup): pulumi.Resource {
  const { settings, roles, image, secrets, database, logins, encryption } = args;
  const master = settings.database.setUp ? [database.masterSecretArn] : [];
  return new aws.iam.RolePolicy(
    `${settings.name}-execution`,
    {
      role: roles.execution.name,
      policy: policyDocument([
        // Signing in to ECR is per registry: AWS accepts no resource here.
        { Sid: 'SignInToRegistry', Action: ['ecr:GetAuthorizationToken'], Resource: '*' },
        {
          Sid: 'PullImage',
          Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
          Resource: image.repositoryArns,
        },
        {
          Sid: 'ReadSecrets',
          Action: ['secretsmanager:GetSecretValue'],
          Resource: [...[...Object.values(secrets.byVariable), logins.owner, logins.runtime].map(({ arn }) => arn), ...master],
        },
        ...encryption.decryptSecretsStatements(settings.region),
        { Sid: 'WriteLog', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: pulumi.interpolate`${logs.arn}:*` },
      ]),
    },
    { parent },
  );
}

/** The app reads its database password when it connects. Google needs no AWS permission: every role may call GetCallerIdentity. */
function grantTask(parent: pulumi.Resource, { settings, roles, logins, tickQueue, encryption }: ServiceArgs): pulumi.Resource {
  return new aws.iam.RolePolicy(
    `${settings.name}-task`,
    {
      role: roles.task.name,
      policy: policyDocument([
        { Sid: 'ReadDatabasePassword', Action: ['secretsmanager:GetSecretValue'], Resource: logins.runtime.arn },
        ...encryption.decryptSecretsStatements(settings.region),
        ...(tickQueue ? [...tickQueue.readStatements, OPEN_TUNNEL] : []),
      ]),
    },
    { parent },
  );
}

/** A tunnel is a session of the task itself: AWS accepts no resource here. */
const OPEN_TUNNEL: Statement = {
  Sid: 'OpenTunnel',
  Action: [
    'ssmmessages:CreateControlChannel',
    'ssmmessages:CreateDataChannel',
    'ssmmessages:OpenControlChannel',
    'ssmmessages:OpenDataChannel',
  ],
  Resource: '*',
};

function createTaskDefinition(parent: pulumi.Resource, args: ServiceArgs, logs: aws.cloudwatch.LogGroup): aws.ecs.TaskDefinition {
  const { settings, roles, image, secrets, database, logins, warehouse, tickQueue } = args;
  const volumes = [TEMPORARY_VOLUME, ...(tickQueue ? Object.keys(AGENT_VOLUMES) : [])];
  const references = Object.entries(secrets.byVariable).map(([variable, { reference }]) => [variable, reference]);
  return new aws.ecs.TaskDefinition(
    settings.name,
    {
      family: settings.name,
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: String(settings.task.cpu),
      memory: String(settings.task.memory),
      runtimePlatform: { cpuArchitecture: settings.image.architecture, operatingSystemFamily: 'LINUX' },
      executionRoleArn: roles.execution.arn,
      taskRoleArn: roles.task.arn,
      volumes: volumes.map((volume) => ({ name: volume })),
      containerDefinitions: containerDefinitions({
        image: image.uri,
        app: {
          environment: appEnvironment(settings, database, logins, warehouse, tickQueue),
          secrets: Object.fromEntries(references) as Record<string, pulumi.Output<string>>,
        },
        migration: { environment: migrationEnvironment(settings, database), secrets: migrationSecrets(settings, database, logins) },
        logGroup: logs.name,
        region: settings.region,
        hasTunnel: tickQueue !== undefined,
      }),
      // Keep earlier revisions for rollbacks.
      skipDestroy: true,
    },
    { parent },
  );
}

function createService(
  parent: pulumi.Resource,
  { settings, network, ingress }: ServiceArgs,
  cluster: aws.ecs.Cluster,
  taskDefinition: aws.ecs.TaskDefinition,
  permissions: pulumi.Resource[],
): aws.ecs.Service {
  return new aws.ecs.Service(
    settings.name,
    {
      cluster: cluster.arn,
      taskDefinition: taskDefinition.arn,
      launchType: 'FARGATE',
      platformVersion: 'LATEST',
      desiredCount: settings.task.count,
      networkConfiguration: {
        subnets: network.taskSubnetIds,
        securityGroups: [network.appGroup.id],
        assignPublicIp: network.tasksHavePublicAddresses,
      },
      ...(ingress && {
        loadBalancers: [{ targetGroupArn: ingress.targetGroup.arn, containerName: CONTAINER, containerPort: APP_PORT }],
        healthCheckGracePeriodSeconds: 60,
      }),
      // The new task starts before the old one stops: both releases run side by side for a while and share the job store.
      deploymentMinimumHealthyPercent: 100,
      deploymentMaximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
      // Rebalancing would interrupt the runs of the moved task.
      availabilityZoneRebalancing: 'DISABLED',
      // A tunnel needs it. It also lets those who may call ecs:ExecuteCommand run commands in the container.
      enableExecuteCommand: ingress === undefined,
      enableEcsManagedTags: true,
      propagateTags: 'SERVICE',
      waitForSteadyState: true,
    },
    {
      parent,
      protect: settings.protect,
      // Auto scaling decides it, between two updates.
      ...(settings.task.maxCount > settings.task.count ? { ignoreChanges: ['desiredCount'] } : {}),
      // A task that starts without these fails or never gets a health check.
      dependsOn: [...network.connectivity, ...permissions, ...(ingress?.routes ?? [])],
      customTimeouts: { create: '20m', update: '20m', delete: '20m' },
    },
  );
}
