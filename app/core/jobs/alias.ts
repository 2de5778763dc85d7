/** Whether a text may name a connection: it differs from every id and user_id. */
export function isAlias(text: string): boolean {
  return /^[a-z][a-z0-9_-]{0,39}$/.test(text);
}
