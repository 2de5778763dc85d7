import { readSecret, type SecretStore } from './read-secret.ts';

/** RDS changes its password every week: so soon is the new one seen, and at once where Postgres refuses the old one. */
const KEEP_MS = 60_000;

/** The password of RDS's own secret, JSON of username and password; kept for a minute, unless it is to be forgotten. */
export function databasePassword(store: SecretStore, arn: string): { read(): Promise<string>; forget(): void } {
  let known: { password: string; until: number } | undefined;
  return {
    async read() {
      if (known && Date.now() < known.until) return known.password;
      const { password } = JSON.parse(await readSecret(store, arn)) as { password: string };
      known = { password, until: Date.now() + KEEP_MS };
      return password;
    },
    forget() {
      known = undefined;
    },
  };
}
