import type { DestinationStream } from 'pino';
import pretty from 'pino-pretty';

/** Reported every minute, even if it is zero, because a missing line is an alarm in production. It says nothing at a terminal. */
const NOTHING_OVERDUE = /"event":"jobs_overdue","jobs":0\b/;

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** Where to log in local mode: readable lines at a terminal; undefined (JSON lines on stdout) otherwise. */
export function terminalLog(stream: NodeJS.WriteStream): DestinationStream | undefined {
  if (!stream.isTTY) return undefined;
  const format = pretty.prettyFactory({
    colorize: stream.hasColors(),
    hideObject: true,
    messageFormat: describe,
    translateTime: 'SYS:HH:MM:ss',
  });
  return { write: (line) => void (NOTHING_OVERDUE.test(line) || stream.write(format(line))) };
}

/** For example "run_succeeded Account, 2023-03-01 to 2023-03-20, 412 rows, exact, run=1f0c2a9e". A receipt is shown whole by /jobs. */
function describe({ level, time, event, msg, object, window, receipt, job, ...others }: Record<string, unknown>): string {
  const { from, to } = (window ?? {}) as { from?: string; to?: string };
  const { delta_rows, verdict } = (receipt ?? {}) as { delta_rows?: number; verdict?: string };
  const title = [event, object].filter(Boolean).join(' ');
  return [
    ...(title ? [title] : []),
    ...(msg ? [String(msg)] : []),
    ...(from && to ? [`${shorten(from)} to ${shorten(to)}`] : []),
    ...(receipt ? [`${delta_rows} rows, ${verdict}`] : []),
    ...Object.entries(others).map(([name, value]) => `${name}=${shorten(value)}`),
  ].join(', ');
}

/** The start of an id, an instant without the parts that are zero, the ends of a list. */
function shorten(value: unknown): string {
  if (Array.isArray(value) && value.length > 2) return `${value[0]} … ${value.at(-1)}`;
  if (typeof value !== 'string') return JSON.stringify(value);
  return UUID.test(value) ? value.slice(0, 8) : value.replace(/(T00:00)?:00\.000Z$/, '');
}
