import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import { policyDocument } from './policy.ts';
import type { Image } from './service/image.ts';

/** What an operator must know about: ECR and Inspector use the same words. */
const SEVERITIES = ['CRITICAL', 'HIGH'];

interface ImageFindingsArgs {
  settings: Settings;
  image: Image;
}

interface Finding {
  part: string;
  description: string;
  pattern: object;
  /** parts of the event by their names in the sentence */
  values: Record<string, string>;
  sentence: string;
}

/**
 * Reports vulnerabilities in the images that the service runs. ECR scans each image when it is pushed, or, if the account's registry is
 * configured so, Inspector does continuously. The stack does not configure the registry: there is one per account and region, so that two
 * stacks, or a stack and the account's owner, would overwrite each other's rules.
 */
export class ImageFindings extends pulumi.ComponentResource {
  readonly topicArn: pulumi.Output<string>;

  constructor({ settings, image }: ImageFindingsArgs, options?: pulumi.ComponentResourceOptions) {
    const { name } = settings;
    super('sync:infra:ImageFindings', name, {}, options);
    const topic = createTopic(this, settings);
    this.topicArn = topic.arn;
    for (const { part, description, pattern, values, sentence } of findings(image.repositoryNames)) {
      const rule = new aws.cloudwatch.EventRule(
        `${name}-${part}`,
        { description, eventPattern: pulumi.jsonStringify(pattern) },
        { parent: this },
      );
      new aws.cloudwatch.EventTarget(
        `${name}-${part}`,
        {
          rule: rule.name,
          arn: topic.arn,
          inputTransformer: { inputPaths: values, inputTemplate: JSON.stringify(`${name}: ${sentence}`) },
        },
        { parent: this },
      );
    }
    this.registerOutputs({ topicArn: this.topicArn });
  }
}

/**
 * A topic of its own: EventBridge sends SNS and KMS neither the account nor the rule that a message comes from ("Troubleshooting Amazon
 * EventBridge" and "Managing Amazon SNS encryption keys" in AWS's guides), so no condition can restrict it. Alarms and our key stay
 * restricted; what is published here is known to the public.
 */
function createTopic(parent: pulumi.Resource, { name, observability }: Settings): aws.sns.Topic {
  const topic = new aws.sns.Topic(`${name}-image-findings`, {}, { parent });
  const policy = policyDocument([
    { Sid: 'Findings', Principal: { Service: 'events.amazonaws.com' }, Action: ['sns:Publish'], Resource: topic.arn },
  ]);
  new aws.sns.TopicPolicy(`${name}-image-findings`, { arn: topic.arn, policy }, { parent });
  for (const email of observability.alarmEmails) {
    new aws.sns.TopicSubscription(`${name}-image-findings-${email}`, { topic: topic.arn, protocol: 'email', endpoint: email }, { parent });
  }
  return topic;
}

function findings(repositories: pulumi.Output<string>[]): Finding[] {
  return [
    {
      part: 'image-scan',
      description: 'ECR found vulnerabilities in an image',
      pattern: {
        source: ['aws.ecr'],
        'detail-type': ['ECR Image Scan'],
        detail: {
          'repository-name': repositories,
          // Only severities with findings are counted.
          $or: SEVERITIES.map((severity) => ({ 'finding-severity-counts': { [severity]: [{ exists: true }] } })),
        },
      },
      values: {
        repository: '$.detail.repository-name',
        digest: '$.detail.image-digest',
        critical: '$.detail.finding-severity-counts.CRITICAL',
        high: '$.detail.finding-severity-counts.HIGH',
      },
      // A severity without findings has no number.
      sentence:
        'ECR found vulnerabilities in the image <digest> of the repository <repository>. Critical: <critical>. High: <high>. See "Vulnerabilities in images" in infra/README.md.',
    },
    {
      part: 'image-finding',
      description: 'Inspector found a vulnerability in an image',
      pattern: {
        source: ['aws.inspector2'],
        'detail-type': ['Inspector2 Finding'],
        detail: {
          severity: SEVERITIES,
          status: ['ACTIVE'],
          resources: { details: { awsEcrContainerImage: { repositoryName: repositories } } },
        },
      },
      values: { severity: '$.detail.severity', title: '$.detail.title', image: '$.resources[0]' },
      sentence:
        'Inspector found a vulnerability of severity <severity> in the image <image>: <title>. See "Vulnerabilities in images" in infra/README.md.',
    },
  ];
}
