import * as pulumi from '@pulumi/pulumi';

/** A statement of an IAM, key or queue policy. Every statement allows; everything else is denied by default. */
export interface Statement {
  Sid?: string;
  Principal?: Record<string, pulumi.Input<string> | string[]>;
  Action: string[];
  /** omitted in a trust policy, which applies to its own role */
  Resource?: pulumi.Input<string> | pulumi.Input<string>[];
  Condition?: Record<string, Record<string, pulumi.Input<string>>>;
}

/** Formats statements as a policy document. */
export function policyDocument(statements: Statement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: '2012-10-17', Statement: statements.map((statement) => ({ Effect: 'Allow', ...statement })) });
}
