/** CloudWatch filters of the service's log, which is a JSON object per line. A test checks that the service logs what they match. */
export const JOBS_OVERDUE = '{ $.event = "jobs_overdue" }';
export const TICK_ACCEPTED = '{ $.event = "tick" }';
export const WEBHOOK_GIVEN_UP = '{ $.event = "webhook_given_up" }';
export const STORE_HALTED = '{ $.event = "store_halted" }';
export const OUTBOX_NOT_LOADED = '{ $.event = "outbox_not_loaded" }';
export const METADATA_TABLE_NOT_OURS = '{ $.event = "metadata_table_not_ours" }';
