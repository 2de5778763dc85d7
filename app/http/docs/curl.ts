import { quote } from '../../core/shell-quote.ts';
import { fieldsOf, type Operation } from './operations.ts';

/** A longer command has a line for each of its parts. */
const MAX_LINE = 90;

/** A command that calls an operation with the request of its example. @param origin of the service @param keyed whether it needs an API key */
export function toCurl(operation: Operation, origin: string, keyed: boolean): string {
  const { endpoint, method, hasBody } = operation;
  const given = endpoint.example.request;
  const named = (place: string): [string, string][] =>
    fieldsOf(operation).flatMap((field) =>
      field.in === place && given[field.name] !== undefined ? [[field.name, given[field.name]!]] : [],
    );
  const path = named('path').reduce((text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value)), endpoint.name);
  const query = named('query').map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const body = named('body').map(([name, value]) => `--form ${quote(`${name}=${value}`)}`);
  // A form makes it a POST by itself.
  const isImplied = method === 'GET' || (method === 'POST' && hasBody && body.length > 0);
  const parts = [
    'curl',
    ...(isImplied ? [] : [`-X ${method}`]),
    ...(keyed ? ['-H "Authorization: Bearer $SYNC_API_KEY"'] : []),
    ...body,
    quote(`${origin}/${path}${query.length > 0 ? `?${query.join('&')}` : ''}`),
  ];
  const line = parts.join(' ');
  return line.length > MAX_LINE ? parts.join(' \\\n  ') : line;
}
