/** Prints lines on standard output. */
export function print(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}

/** Prints JSON that a person can read, too. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
