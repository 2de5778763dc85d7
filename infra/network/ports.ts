/** The app's port, inside the network. */
export const APP_PORT = 4444;

/** Postgres's port. */
export const DATABASE_PORT = 5432;
