/** True for a date `YYYY-MM-DD` of the calendar, from year 1 on, as in Postgres. Date.parse also takes 30 February, as a day in March. */
export function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text < '0001') return false;
  const midnight = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(text);
}
