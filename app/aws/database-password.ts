import { readSecret, type SecretStore } from './read-secret.ts';

/** RDS changes its password every week: so soon is the new one seen. */
const KEEP_MS = 60_000;

/** Gives the password of RDS's own secret, JSON of username and password, at each connection. */
export function databasePassword(store: SecretStore, arn: string): () => Promise<string> {
  let known: { password: string; until: number } | undefined;
  return async () => {
    if (known && Date.now() < known.until) return known.password;
    const { password } = JSON.parse(await readSecret(store, arn)) as { password: string };
    known = { password, until: Date.now() + KEEP_MS };
    return password;
  };
}
