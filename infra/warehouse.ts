import * as gcp from '@pulumi/gcp';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import type { Settings } from './config.ts';

const APIS = ['bigquery', 'cloudresourcemanager', 'iam', 'iamcredentials', 'sts'];

/** A page that was loaded may wait that long to be merged; Salesforce keeps its side for 7 days. */
const STAGING_DAYS = 8;
const DAY_MS = 24 * 60 * 60 * 1000;

interface WarehouseArgs {
  settings: Settings;
  accountId: pulumi.Output<string>;
  taskRoleName: pulumi.Output<string>;
}

/** Google's side: the datasets, and an account that the service's AWS role, and nobody else, may act as. No key of it exists. */
export class Warehouse extends pulumi.ComponentResource {
  readonly serviceAccount: pulumi.Output<string>;
  /** what a token of AWS must be meant for, to be exchanged here */
  readonly audience: pulumi.Output<string>;

  constructor(args: WarehouseArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    super('sync:infra:Warehouse', settings.name, {}, options);
    const apis = enableApis(this, settings);
    const { account, mayStartJobs } = createAccount(this, settings, apis);
    const datasets = createDatasets(this, settings, account, apis);
    const { provider, grant } = federate(this, args, account, apis);
    this.serviceAccount = account.email;
    // Known when the grants and the datasets, with who may write to them, are there, so that no task starts before it can work.
    this.audience = pulumi
      .all([provider.name, grant.id, mayStartJobs.id, ...datasets.map((dataset) => dataset.id)])
      .apply(([name]) => `//iam.googleapis.com/${name}`);
    this.registerOutputs({ audience: this.audience });
  }
}

/** They stay on when the stack goes: others in the project may use them. */
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

/** May start jobs in the project; what it may read and write is said at each dataset. */
function createAccount(parent: pulumi.Resource, { name, google }: Settings, apis: gcp.projects.Service[]) {
  const account = new gcp.serviceaccount.Account(
    name,
    { project: google.project, accountId: name, displayName: 'Salesforce to BigQuery' },
    { parent, dependsOn: apis },
  );
  const mayStartJobs = new gcp.projects.IAMMember(
    `${name}-jobs`,
    { project: google.project, role: 'roles/bigquery.jobUser', member: account.member },
    { parent },
  );
  return { account, mayStartJobs };
}

function createDatasets(
  parent: pulumi.Resource,
  { name, google, protect }: Settings,
  account: gcp.serviceaccount.Account,
  apis: gcp.projects.Service[],
): gcp.bigquery.Dataset[] {
  // On the dataset itself: grants that are resources of their own are lost with the dataset's next update.
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
      description: `Salesforce pages under way; tables expire after ${STAGING_DAYS} days`,
      accesses: service,
      defaultTableExpirationMs: STAGING_DAYS * DAY_MS,
      // Nobody looks back into these, and looking back is paid for by the byte.
      maxTimeTravelHours: '48',
    }),
  ];
}

/** `group:analysts@example.com` as BigQuery's access list has it. */
function readAccess(reader: string): gcp.types.input.bigquery.DatasetAccess {
  const [kind, name = ''] = reader.split(/:(.*)/);
  const role = 'READER';
  if (kind === 'group') return { role, groupByEmail: name };
  if (kind === 'domain') return { role, domain: name };
  return { role, userByEmail: name };
}

/**
 * Lets the task role act as the account: AWS says who is asking, and Google lets in that one role of that one account.
 * A deleted pool keeps its name for 30 days, hence the random end, and the pool stays when the stack goes.
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
  // The form in which AWS names a role that is being used; the path of the role is not in it.
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

/** Google's own mapping for AWS, stated because any mapping given replaces all of it. */
const ROLE_WITHOUT_SESSION =
  "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn";
