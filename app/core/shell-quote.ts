/** Quotes text for a shell, if it needs that. */
export function quote(text: string): string {
  return /^[\w:/.@%=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
