import { InvalidArgumentError, Option } from 'commander';

export const DATA = new Option('--data <folder>', 'folder for all local state').default('.local');

export const PORT_BASE = new Option(
  '--port-base <port>',
  'port of the service; the emulators use the next four; 0: any free ports (default: as last time, or 4444)',
);

export const CLOCK = new Option('--clock <instant>', "freeze the local org's clock, for example at 2023-03-01T00:10:00Z");

/** Of commands that open the job store. */
export const STORE = [new Option('--local', 'use the job store of serve --local, which must be running'), DATA];

/** Of commands that call a service. */
export const SERVICE = [
  new Option('--url <url>', 'the address of the service (default: SERVICE_URL, or http://localhost:4444)'),
  new Option('--local', 'the service of npm start, whatever its port, which must be running'),
  DATA,
];

/** The same, of commands that can print what the service returns. */
export const SERVICE_JSON = [new Option('--json', 'print JSON, as the API returns it'), ...SERVICE];

/** Of commands that print a page of a list. */
export const LIMIT = new Option('--limit <number>', 'how many, up to 1000 (default: 100)').argParser(readLimit);

/** The text, as a field of a request has it. */
function readLimit(text: string): string {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1_000) return text;
  throw new InvalidArgumentError('Use a number from 1 to 1000.');
}
