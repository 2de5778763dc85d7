import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import { policyDocument } from './policy.ts';

interface RolesArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
}

/**
 * Two roles: `task` is who the app is, to AWS and to Google; `execution` is what ECS uses to start it, and the app never holds.
 * What they may do is said where the thing that they use is made.
 */
export class Roles extends pulumi.ComponentResource {
  readonly task: aws.iam.Role;
  readonly execution: aws.iam.Role;

  constructor({ settings, accountId }: RolesArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Roles', settings.name, {}, options);
    const role = (part: string, description: string) =>
      new aws.iam.Role(
        // Google's subject is the session's ARN and may have 127 bytes: 39 of account and words, 33 of ECS's session, so 55 are left.
        `${settings.name}-${part}`,
        { description, assumeRolePolicy: trustTasks(settings.region, accountId) },
        { parent: this },
      );
    this.task = role('task', 'The service itself');
    this.execution = role('execution', 'ECS, when it starts the service');
    this.registerOutputs({});
  }
}

/** Tasks of this account and region alone: ECS acts for every customer, and must not be talked into acting for another. */
function trustTasks(region: string, accountId: pulumi.Input<string>): pulumi.Output<string> {
  return policyDocument([
    {
      Principal: { Service: 'ecs-tasks.amazonaws.com' },
      Action: ['sts:AssumeRole'],
      Condition: {
        StringEquals: { 'aws:SourceAccount': accountId },
        ArnLike: { 'aws:SourceArn': pulumi.interpolate`arn:aws:ecs:${region}:${accountId}:*` },
      },
    },
  ]);
}
