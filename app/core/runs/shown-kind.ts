/** What decides how the kind of a run is shown. */
interface ShownRun {
  kind: string;
  compare?: unknown;
  clear?: unknown;
  erase?: unknown;
}

/** The kind of a run, as lists show it: a reimport that only compares or erases is named after that. */
export function shownKind({ kind, compare, clear, erase }: ShownRun): string {
  if (compare) return 'compare';
  return clear || erase ? 'erase' : kind;
}
