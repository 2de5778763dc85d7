import * as z from 'zod';

/** An instant, as JSON shows a Date. */
export const instant = z.iso.datetime();

/** A count. */
export const count = z.int().min(0);

/** Why something failed. */
export const errorJson = z.strictObject({ code: z.string(), message: z.string() });

/** A page of a list: its entries, and what to pass as `after` for the page that follows. */
export function pageJson<const Name extends string, Entry extends z.ZodType>(name: Name, entry: Entry) {
  const entries = { [name]: z.array(entry) } as Record<Name, z.ZodArray<Entry>>;
  const next = z.nullable(z.string()).meta({ description: 'What to pass as after for the next page; null: this is the last one.' });
  return z.strictObject({ ...entries, next });
}
