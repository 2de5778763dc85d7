/** Since when a job lags: its `last_date`, or its creation if it has imported nothing yet, as its start date may be centuries ago. In SQL. */
export const LAGS_SINCE = 'CASE synced_to WHEN start_date THEN greatest(synced_to, created_at) ELSE synced_to END';
