import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { Observability } from './alarms/observability.ts';
import { readSettings } from './config.ts';
import { Database } from './database.ts';
import { DatabaseLogins } from './database-logins.ts';
import { DeletionLock } from './deletion-lock.ts';
import { Encryption } from './encryption.ts';
import { ImageFindings } from './image-findings.ts';
import { Firewall } from './network/firewall.ts';
import { CALLBACK_PATH, Ingress } from './network/ingress.ts';
import { Network } from './network/network.ts';
import { APP_PORT } from './network/ports.ts';
import { TrafficLogs } from './network/traffic-logs.ts';
import { Schedule } from './schedule.ts';
import { Secrets } from './secrets.ts';
import { AutoScaling } from './service/auto-scaling.ts';
import { Image } from './service/image.ts';
import { Roles } from './service/roles.ts';
import { Service } from './service/service.ts';
import { TickQueue } from './tick-queue.ts';
import { Warehouse } from './warehouse.ts';

/** The SDK keeps it to itself. */
const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret(key: string): boolean };

const settings = readSettings({
  stack: pulumi.getStack(),
  project: pulumi.getProject(),
  keys: Object.keys(pulumi.runtime.allConfig()),
  own: (key) => pulumi.runtime.getConfig(`${pulumi.getProject()}:${key}`),
  provider: (key) => pulumi.runtime.getConfig(key),
  isEncrypted: (key) => isConfigSecret(`${pulumi.getProject()}:${key}`),
});
const { accountId } = aws.getCallerIdentityOutput();

const encryption = new Encryption({ settings, accountId });
const network = new Network(settings);
const trafficLogs = settings.security.trafficLogs ? new TrafficLogs({ settings, accountId }) : undefined;
trafficLogs?.logNetwork(network.vpcId);
const roles = new Roles({ settings, accountId });
const warehouse = new Warehouse({ settings, accountId, taskRoleName: roles.task.name });
const secrets = new Secrets({ settings, encryption });
const database = new Database({ settings, network, encryption });
const logins = new DatabaseLogins({ settings, encryption });
const image = new Image(settings);
const ingress = settings.ingress && new Ingress({ settings, ingress: settings.ingress, network, trafficLogs });
const tickQueue = ingress ? undefined : new TickQueue(settings);
const firewall = ingress && settings.security.webFirewall ? new Firewall({ settings, ingress }) : undefined;
const service = new Service({ settings, network, roles, encryption, image, database, logins, secrets, warehouse, ingress, tickQueue });
const autoScaling = settings.task.maxCount > settings.task.count ? new AutoScaling({ settings, service }) : undefined;
const schedule = new Schedule({ settings, accountId, tickKey: secrets.tickKey, to: ingress ?? tickQueue!, service });
const observability = new Observability({ settings, accountId, encryption, service, ingress, schedule, database });
const imageFindings = new ImageFindings({ settings, image });
const components = [
  encryption,
  network,
  roles,
  warehouse,
  secrets,
  database,
  logins,
  image,
  service,
  schedule,
  observability,
  imageFindings,
];
new DeletionLock({
  settings,
  components: [
    ...components,
    ...(trafficLogs ? [trafficLogs] : []),
    ...(firewall ? [firewall] : []),
    ...(ingress ? [ingress] : []),
    ...(tickQueue ? [tickQueue] : []),
    ...(autoScaling ? [autoScaling] : []),
  ],
});

/** What `npm run op` and operators need. Outputs are never secret. */
export const region = settings.region;
export const url = ingress?.url ?? `http://localhost:${APP_PORT}`;
export const callbackUrl = `${url}${CALLBACK_PATH}`;
export const egressAddresses = network.egressAddresses;
export const repositoryUrl = image.repositoryUrl;
export const imageUri = image.uri;
export const cluster = service.clusterName;
export const serviceName = service.serviceName;
export const taskDefinition = service.taskDefinitionArn;
export const logGroup = service.logGroupName;
export const targetGroup = ingress?.targetGroup.arn;
export const scheduleRule = schedule.ruleName;
export const scheduleConnection = schedule.connectionName;
export const scheduleEnabled = settings.schedule.enabled;
export const scheduleMinutes = settings.schedule.everyMinutes;
export const alarmTopic = observability.topicArn;
export const findingTopic = imageFindings.topicArn;
export const dashboard = observability.dashboard;
export const databaseIdentifier = database.identifier;
export const googleServiceAccount = warehouse.serviceAccount;
export const protect = settings.protect;
/** Numbers of keys, by which the next step of a rotation knows that the last one is deployed. */
export const tickKeys = settings.secrets.tickKeys;
export const tokenKeys = settings.secrets.tokenKeys;
