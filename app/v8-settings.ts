import { setFlagsFromString } from 'node:v8';

/*
 * Garbage collection for a service whose garbage is mostly network buffers: 64 KB each, of which V8's heap contains only a few hundred
 * bytes. V8 reads both settings whenever it applies them, so they may change at run time. Import this before anything else is loaded.
 */

// The young generation stays at 1 MB: frequent minor collections free the buffers before they add up to a full collection, which takes
// ten times as long. By default it grows to 16 MB.
setFlagsFromString('--semi-space-growth-factor=1');

// Buffers are freed at once. Freed by another thread, they count as memory in use until the next collection, and cause a full one.
setFlagsFromString('--no-concurrent-array-buffer-sweeping');
