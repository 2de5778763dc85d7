/** The AWS services that publish to the topic of alarms for a resource of this account: alarms, and the database's events. */
export const ALARM_PUBLISHERS = ['cloudwatch.amazonaws.com', 'events.rds.amazonaws.com'];

/**
 * Publishes findings in images. No condition may restrict it to this account: it sends none of the keys to SNS and KMS, which would then
 * reject its messages ("Troubleshooting Amazon EventBridge" and "Managing Amazon SNS encryption keys" in AWS's guides).
 */
export const FINDING_PUBLISHER = 'events.amazonaws.com';
