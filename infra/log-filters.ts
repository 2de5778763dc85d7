/** CloudWatch filters of the service's log, which is a JSON object per line. A test checks that the service logs what they match. */
export const JOBS_OVERDUE = '{ $.event = "jobs_overdue" }';
export const TICK_ACCEPTED = '{ $.event = "tick" }';
export const STORE_HALTED = '{ $.event = "store_halted" }';
