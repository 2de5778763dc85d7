/** How a job's windows keep its table current: by importing new and changed rows, only new ones, or all rows. */
export type JobMode = 'windows' | 'append_only' | 'whole';

/** @param whole whether the object has no usable cursor */
export function jobMode({ whole, appendOnly }: { whole: boolean; appendOnly: boolean }): JobMode {
  if (whole) return 'whole';
  return appendOnly ? 'append_only' : 'windows';
}
