import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Koa from 'koa';
import { type Markup, render } from '../html.ts';

/** Browsers and proxies take a connection that is silent for longer to be lost. */
const MAX_SILENCE_MS = 10_000;

/** How long a browser may take to read what it was sent. */
const MAX_STALL_MS = 60_000;

/**
 * Sends pieces of a page as they change, as server-sent events, until the browser closes the connection.
 * @param pause called before each further piece is requested
 * @throws what the first piece throws: the browser then knows why there is no stream, for example because the page's job was deleted
 */
export async function sendLive(ctx: Koa.Context, pieces: AsyncIterable<Markup>, pause: () => Promise<void>): Promise<void> {
  const rest = paced(pieces, pause);
  const first = await rest.next();
  const stream = new PassThrough();
  ctx.type = 'text/event-stream';
  ctx.set('X-Accel-Buffering', 'no');
  ctx.body = stream;
  // A browser that leaves is not an error.
  stream.on('error', () => {});
  writeAll(stream, withFirst(first, rest)).catch(() => stream.destroy());
}

async function* paced(pieces: AsyncIterable<Markup>, pause: () => Promise<void>): AsyncGenerator<Markup> {
  for await (const piece of pieces) {
    yield piece;
    await pause();
  }
}

async function* withFirst(first: IteratorResult<Markup>, rest: AsyncIterable<Markup>): AsyncGenerator<Markup> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

async function writeAll(stream: PassThrough, pieces: AsyncIterable<Markup>): Promise<void> {
  let rendered: { piece: Markup; text: string } | undefined;
  let [last, writtenAt] = ['', Date.now()];
  for await (const piece of pieces) {
    if (stream.destroyed) return;
    if (rendered?.piece !== piece) rendered = { piece, text: render(piece) };
    const { text } = rendered;
    const isSilent = Date.now() - writtenAt > MAX_SILENCE_MS;
    if (text === last && !isSilent) continue;
    // A browser that left without closing its connection, or that reads too slowly, must not fill the memory.
    if (stream.writableNeedDrain) {
      if (Date.now() - writtenAt > MAX_STALL_MS) return void stream.destroy();
      continue;
    }
    // An event with a name changes nothing on the page; console.js notes that it came.
    stream.write(
      text === last
        ? 'event: unchanged\ndata:\n\n'
        : `${text
            .split(/\r\n|\r|\n/)
            .map((line) => `data: ${line}`)
            .join('\n')}\n\n`,
    );
    [last, writtenAt] = [text, Date.now()];
  }
  stream.end();
}

/** A function that renders a value again only if it is another object than before. */
export function onChange<Value extends object>(toPiece: (value: Value) => Markup): (value: Value) => Markup {
  let shown: { value: Value; piece: Markup } | undefined;
  return (value) => {
    if (shown?.value !== value) shown = { value, piece: toPiece(value) };
    return shown.piece;
  };
}

/** Then the browser connects again by itself, if its session is still valid. */
const MAX_STREAM_MS = 10 * 60_000;

/** Reads a piece of a page again and again. @param closed ends it */
export async function* repeat(read: () => Promise<{ piece: Markup; pauseMs: number }>, closed: AbortSignal): AsyncGenerator<Markup> {
  const until = Date.now() + MAX_STREAM_MS;
  while (!closed.aborted && Date.now() < until) {
    const { piece, pauseMs } = await read();
    yield piece;
    await sleep(pauseMs, undefined, { signal: closed }).catch(() => {});
  }
}
