/** Where the app listens, inside the network. */
export const APP_PORT = 4444;

/** Where Postgres listens. */
export const DATABASE_PORT = 5432;
