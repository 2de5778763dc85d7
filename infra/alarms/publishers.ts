/** The AWS services that publish to the topic of alarms for a resource of this account: alarms, and the database's events. */
export const ALARM_PUBLISHERS = ['cloudwatch.amazonaws.com', 'events.rds.amazonaws.com'];
