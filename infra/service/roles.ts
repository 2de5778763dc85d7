import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import { policyDocument } from '../policy.ts';

interface RolesArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
}

/**
 * Two roles: `task` is the app's identity for AWS and Google; `execution` is what ECS uses to start the task, and the app never has it.
 * Their permissions are granted where the resources they use are created.
 */
export class Roles extends pulumi.ComponentResource {
  readonly task: aws.iam.Role;
  readonly execution: aws.iam.Role;

  constructor({ settings, accountId }: RolesArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Roles', settings.name, {}, options);
    const role = (part: string, description: string) =>
      new aws.iam.Role(
        // Google's subject is the session's ARN, at most 127 bytes: 39 for the fixed text and account, 33 for ECS's session, 55 for this name.
        `${settings.name}-${part}`,
        { description, assumeRolePolicy: trustTasks(settings.region, accountId) },
        { parent: this },
      );
    this.task = role('task', 'The service itself');
    this.execution = role('execution', 'ECS, when it starts the service');
    this.registerOutputs({});
  }
}

/** Trusts only tasks of this account and region: ECS acts for every customer, and must not become a confused deputy. */
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
