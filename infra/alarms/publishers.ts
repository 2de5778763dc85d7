/** The AWS services that publish to the topic of alarms: alarms, the database's events, and findings in images. */
export const ALARM_PUBLISHERS = ['cloudwatch.amazonaws.com', 'events.rds.amazonaws.com', 'events.amazonaws.com'];
