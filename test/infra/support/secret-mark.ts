/** How Pulumi marks a secret on the wire. */
export const SECRET_MARK = '4dabf18193072939515e22adb298388d';

/** Replaces every marked secret with its plain value. */
export function reveal(value: unknown): unknown {
  return replaceSecrets(value, (secret) => reveal(secret));
}

/** Replaces every marked secret with a placeholder. */
export function conceal(value: unknown): unknown {
  return replaceSecrets(value, () => '[secret]');
}

function replaceSecrets(value: unknown, replace: (secret: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => replaceSecrets(item, replace));
  if (value === null || typeof value !== 'object') return value;
  if (SECRET_MARK in value) return replace((value as { value?: unknown }).value);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaceSecrets(item, replace)]));
}
