/** The container's name, and the prefix of its log streams. */
export const CONTAINER = 'app';

/** The container that migrates the job store before the app starts. */
export const MIGRATION = 'migrate';
