import * as pulumi from '@pulumi/pulumi';

/** A statement of an IAM, key or queue policy, all of which allow: what is not named is denied. */
export interface Statement {
  Sid?: string;
  Principal?: Record<string, pulumi.Input<string>>;
  Action: string[];
  /** left out in a trust policy, which speaks of the role that it belongs to */
  Resource?: pulumi.Input<string> | pulumi.Input<string>[];
  Condition?: Record<string, Record<string, pulumi.Input<string>>>;
}

/** Writes a policy document. */
export function policyDocument(statements: Statement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: '2012-10-17', Statement: statements.map((statement) => ({ Effect: 'Allow', ...statement })) });
}
