import type { EnvReader } from '../env-reader.ts';

/** The AWS settings that ECS gives a task. */
export interface AwsConfig {
  region: string;
  credentials: { url: string; token: string | undefined; tokenFile: string | undefined };
  secretsEndpoint: string;
  queueEndpoint: string;
  /** the queue to which the schedule sends its ticks; undefined: it calls the service */
  tickQueueUrl: string | undefined;
}

/** ECS sets the path; other platforms set the full URL. */
export function readAws(read: EnvReader): AwsConfig {
  const { env } = read;
  const region = read.text('AWS_REGION', 'the AWS region of the task');
  const path = env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  const url = path ? `http://169.254.170.2${path}` : env.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (!url)
    read.fault(
      'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set. DB_SECRET_ARN and WIF_AUDIENCE work only in an ECS task: unset them elsewhere.',
    );
  return {
    region,
    credentials: { url: url ?? '', token: env.AWS_CONTAINER_AUTHORIZATION_TOKEN, tokenFile: env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE },
    secretsEndpoint: env.AWS_ENDPOINT_URL_SECRETS_MANAGER || `https://secretsmanager.${region}.amazonaws.com`,
    queueEndpoint: env.AWS_ENDPOINT_URL_SQS || `https://sqs.${region}.amazonaws.com`,
    tickQueueUrl: env.TICK_QUEUE_URL?.trim() || undefined,
  };
}

/** The CloudWatch namespace of the metrics in the log; undefined: the log has none. */
export function readMetricsNamespace(read: EnvReader): string | undefined {
  const name = read.env.METRICS_NAMESPACE?.trim();
  // "Metrics concepts" in the CloudWatch user guide.
  if (name && !/^(?!AWS\/)[\w.#:/-]{1,255}$/.test(name))
    read.fault('METRICS_NAMESPACE must be 1 to 255 letters, digits or ._-/#: characters.');
  return name || undefined;
}
