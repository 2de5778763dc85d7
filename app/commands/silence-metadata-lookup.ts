/** Drops google-auth-library's warning that it found no metadata server: the error that follows says what to do. */
export function silenceMetadataLookup(): void {
  const emit = process.emitWarning.bind(process) as (...given: unknown[]) => void;
  process.emitWarning = (...given: unknown[]) => {
    if (given[1] !== 'MetadataLookupWarning') emit(...given);
  };
}
