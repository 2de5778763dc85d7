/** Whether a series has settled. */
export interface Trend {
  /** the medians of its second and last quarter */
  early: number;
  late: number;
  isFlat: boolean;
}

/**
 * A series is flat if the median of its last quarter exceeds that of its second by no more than the margin. The first quarter is left out:
 * caches and pools fill.
 * @param values in order, at least 8
 */
export function trendOf(values: readonly number[], margin: number): Trend {
  const quarter = Math.floor(values.length / 4);
  if (quarter < 2) throw new Error(`${values.length} samples are too few to judge a trend: at least 8 are necessary.`);
  const [early, late] = [median(values.slice(quarter, 2 * quarter)), median(values.slice(-quarter))];
  return { early, late, isFlat: late - early <= margin };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
