import * as gcp from '@pulumi/gcp';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Settings } from './config.ts';

const APIS = ['bigquery', 'cloudresourcemanager', 'iam', 'iamcredentials', 'sts'];

/** How long a loaded page may wait to be merged. Salesforce keeps its result pages for 7 days. */
const STAGING_DAYS = 8;
const DAY_MS = 24 * 60 * 60 * 1000;

interface WarehouseArgs {
  settings: Settings;
  accountId: pulumi.Output<string>;
  taskRoleName: pulumi.Output<string>;
}

/** The Google side: the datasets, and a service account without keys that only the service's AWS role may impersonate. */
export class Warehouse extends pulumi.ComponentResource {
  readonly serviceAccount: pulumi.Output<string>;
  /** the audience of the AWS token that the app exchanges for a Google token */
  readonly audience: pulumi.Output<string>;

  constructor(args: WarehouseArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    super('sync:infra:Warehouse', settings.name, {}, options);
    const apis = enableApis(this, settings);
    const { account, jobGrant } = createAccount(this, settings, apis);
    const datasets = createDatasets(this, settings, account, apis);
    const { provider, grant } = federate(this, args, account, apis);
    this.serviceAccount = account.email;
    // Resolves after the grants and the datasets exist, so that no task starts before it has access.
    this.audience = pulumi
      .all([provider.name, grant.id, jobGrant.id, ...datasets.map((dataset) => dataset.id)])
      .apply(([name]) => `//iam.googleapis.com/${name}`);
    this.registerOutputs({ audience: this.audience });
  }
}

/** The APIs stay enabled when the stack is destroyed: others in the project may use them. */
function enableApis(parent: pulumi.Resource, { name, google }: Settings): gcp.projects.Service[] {
  return APIS.map(
    (api) =>
      new gcp.projects.Service(
        `${name}-${api}`,
        { project: google.project, service: `${api}.googleapis.com`, disableOnDestroy: false },
        { parent },
      ),
  );
}

/** The account may start jobs in the project. Each dataset grants read and write access to itself. */
function createAccount(parent: pulumi.Resource, { name, google }: Settings, apis: gcp.projects.Service[]) {
  const account = new gcp.serviceaccount.Account(
    name,
    { project: google.project, accountId: name, displayName: 'Salesforce to BigQuery' },
    { parent, dependsOn: apis },
  );
  const jobGrant = new gcp.projects.IAMMember(
    `${name}-jobs`,
    { project: google.project, role: 'roles/bigquery.jobUser', member: account.member },
    { parent },
  );
  return { account, jobGrant };
}

function createDatasets(
  parent: pulumi.Resource,
  { name, google, protect }: Settings,
  account: gcp.serviceaccount.Account,
  apis: gcp.projects.Service[],
): gcp.bigquery.Dataset[] {
  // Inline on the dataset: grants in separate resources are lost with the dataset's next update (pulumi-gcp#3908).
  const service = [
    { role: 'OWNER', specialGroup: 'projectOwners' },
    { role: 'WRITER', userByEmail: account.email },
  ];
  const dataset = (datasetId: string, args: Omit<gcp.bigquery.DatasetArgs, 'datasetId'>) =>
    new gcp.bigquery.Dataset(
      `${name}-${datasetId}`,
      {
        datasetId,
        project: google.project,
        location: google.location,
        deleteContentsOnDestroy: !protect,
        deletionPolicy: protect ? 'PREVENT' : 'DELETE',
        ...args,
      },
      { parent, protect, dependsOn: apis },
    );
  return [
    ...google.datasets.map((id) =>
      dataset(id, { description: 'Salesforce objects', accesses: [...service, ...google.readers.map(readAccess)] }),
    ),
    dataset(google.stagingDataset, {
      description: `Salesforce pages in progress; tables expire after ${STAGING_DAYS} days`,
      accesses: service,
      defaultTableExpirationMs: STAGING_DAYS * DAY_MS,
      // BigQuery's minimum: staging tables are never read as of an earlier time, and time travel is billed by the byte.
      maxTimeTravelHours: '48',
    }),
  ];
}

/** Converts a reader such as `group:analysts@example.com` to an entry of BigQuery's access list. */
function readAccess(reader: string): gcp.types.input.bigquery.DatasetAccess {
  const [kind, name = ''] = reader.split(/:(.*)/);
  const role = 'READER';
  if (kind === 'group') return { role, groupByEmail: name };
  if (kind === 'domain') return { role, domain: name };
  return { role, userByEmail: name };
}

/**
 * Lets the task role impersonate the service account: AWS identifies the caller, and Google admits only this role of this AWS account.
 * A deleted pool blocks its name for 30 days, so the name has a random suffix and the pool stays when the stack is destroyed.
 */
function federate(
  parent: pulumi.Resource,
  { settings: { name, google }, accountId, taskRoleName }: WarehouseArgs,
  account: gcp.serviceaccount.Account,
  apis: gcp.projects.Service[],
) {
  const suffix = new random.RandomId(`${name}-pool`, { byteLength: 3 }, { parent });
  const pool = new gcp.iam.WorkloadIdentityPool(
    name,
    { project: google.project, workloadIdentityPoolId: pulumi.interpolate`${name}-${suffix.hex}`, displayName: name },
    { parent, retainOnDelete: true, dependsOn: apis },
  );
  // How AWS names an assumed role: without the role's path.
  const role = pulumi.interpolate`arn:aws:sts::${accountId}:assumed-role/${taskRoleName}`;
  const provider = new gcp.iam.WorkloadIdentityPoolProvider(
    name,
    {
      project: google.project,
      workloadIdentityPoolId: pool.workloadIdentityPoolId,
      workloadIdentityPoolProviderId: 'aws-tasks',
      aws: { accountId },
      attributeMapping: { 'google.subject': 'assertion.arn', 'attribute.aws_role': ROLE_WITHOUT_SESSION },
      attributeCondition: pulumi.interpolate`attribute.aws_role == "${role}"`,
    },
    { parent, retainOnDelete: true },
  );
  const grant = new gcp.serviceaccount.IAMMember(
    name,
    {
      serviceAccountId: account.name,
      role: 'roles/iam.workloadIdentityUser',
      member: pulumi.interpolate`principalSet://iam.googleapis.com/${pool.name}/attribute.aws_role/${role}`,
    },
    { parent },
  );
  return { provider, grant };
}

/** Google's default mapping for AWS, repeated because a custom mapping replaces all of it. */
const ROLE_WITHOUT_SESSION =
  "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn";
