/** Whether a text is shaped like the id of a request: it is logged and returned, so it must not be any text. */
export function isRequestId(text: unknown): text is string {
  return typeof text === 'string' && /^[\w.:=-]{1,128}$/.test(text);
}

/** The id that a platform gave a request, which its support needs. @param names of the headers that may have it @returns undefined: none */
export function readRequestId(headers: Readonly<Record<string, unknown>>, names: readonly string[]): string | undefined {
  return names.map((name) => headers[name]).find(isRequestId);
}
