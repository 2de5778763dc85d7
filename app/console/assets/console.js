// What the pages do beyond HTML. All of it is a convenience: every page works without it.

/** A live part that has received nothing for this long is out of date: the service sends something every twenty seconds or more often. */
const MAX_SILENCE_MS = 25_000;

// Times are in UTC, and show the local time on hover or focus.
function showLocalTime(event) {
  const time = event.target instanceof Element ? event.target.closest('time[datetime]') : null;
  if (!time) return;
  const local = new Date(time.dateTime);
  time.title = `${local.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })}, your time`;
}
document.addEventListener('pointerover', showLocalTime);
document.addEventListener('focusin', showLocalTime);

// One checkbox for all rows of a table.
document.addEventListener('change', ({ target }) => {
  if (!(target instanceof HTMLInputElement) || target.dataset.selectAll === undefined) return;
  for (const box of target.form.querySelectorAll(`input[name="${target.dataset.selectAll}"]`)) box.checked = target.checked;
});

// A search field also filters what the page lists already.
document.addEventListener('input', ({ target }) => {
  const rows =
    target instanceof HTMLInputElement && target.dataset.filter && document.getElementById(target.dataset.filter)?.tBodies[0].rows;
  const wanted = rows && target.value.trim().toLowerCase();
  for (const row of rows || []) row.hidden = !row.textContent.toLowerCase().includes(wanted) && !row.querySelector(':checked');
});

// A menu closes when another place is clicked, or with Escape.
document.addEventListener('click', ({ target }) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener('keydown', ({ key }) => {
  if (key !== 'Escape') return;
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

document.addEventListener('click', async ({ target }) => {
  const button = target instanceof Element ? target.closest('button[data-copy]') : null;
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = 'Copied';
});

// Live parts: each says since when it is out of date, instead of looking current, also if it never connected.
const liveParts = new Map(
  [...document.querySelectorAll('[data-live]')].map((element) => [
    element,
    { heardAt: Date.now(), triedAt: Date.now(), isConnected: false },
  ]),
);
// A hidden tab has no stream. htmx closes the streams of a tab that becomes hidden, but would open one in a tab that is hidden already.
if (document.hidden) for (const element of liveParts.keys()) element.setAttribute('hx-trigger', 'never');

function connect(element) {
  liveParts.get(element).triedAt = Date.now();
  window.htmx.ajax('GET', element.getAttribute('hx-sse:connect'), { source: element });
}

const STATES = ['is-lost', 'is-refused', 'is-missing'];

/** @param state one of STATES, or undefined: it is current */
function mark(element, state) {
  const frame = element.closest('[data-live-frame]');
  if (!frame) return;
  const before = STATES.find((name) => frame.classList.contains(name));
  if (before === state) return;
  if (before) frame.classList.remove(before);
  if (!state) return;
  frame.classList.add(state);
  const since = `${new Date(liveParts.get(element).heardAt).toISOString().slice(11, 19)} UTC`;
  for (const place of frame.querySelectorAll('[data-since]')) place.textContent = since;
}

function heard({ target }) {
  liveParts.get(target).heardAt = Date.now();
  mark(target, undefined);
  // The tab says what needs a person, and how far a run is, also while another window is in front of it.
  const { title } = target.querySelector('[data-title]')?.dataset ?? {};
  const attention = Number(document.getElementById('attention')?.dataset.count);
  if (title) document.title = `${attention > 0 ? `(${attention}) ` : ''}${title}`;
}

/** @param status of the response; undefined: there was none */
function failed(element, status) {
  if (status === 401) {
    const next = location.pathname + location.search;
    return location.replace(`/console/sign-in?${new URLSearchParams({ ended: 'yes', next })}`);
  }
  mark(element, { 404: 'is-missing', 429: 'is-refused' }[status] ?? 'is-lost');
}

document.addEventListener('htmx:sse:before:connection', (event) => {
  if (document.hidden) event.preventDefault();
});
document.addEventListener('htmx:sse:after:connection', (event) => {
  liveParts.get(event.target).isConnected = true;
  // It was hidden while the service responded: htmx then waits until it is shown.
  if (document.hidden) return event.detail.connection.abortController.abort();
  heard(event);
});
document.addEventListener('htmx:sse:after:message', heard);
document.addEventListener('htmx:sse:error', ({ target, detail }) => failed(target, detail.status));
document.addEventListener('htmx:response:error', ({ target, detail }) => failed(target, detail.ctx.response.status));
document.addEventListener('htmx:sse:close', ({ target }) => {
  liveParts.get(target).isConnected = false;
});

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  for (const [element, part] of liveParts) {
    part.heardAt = Date.now();
    // htmx opens those again that it had.
    if (!part.isConnected) connect(element);
  }
});
setInterval(() => {
  if (document.hidden) return;
  for (const [element, { heardAt, triedAt, isConnected }] of liveParts) {
    if (Date.now() - heardAt <= MAX_SILENCE_MS || element.closest('.is-missing')) continue;
    if (!element.closest('.is-refused')) mark(element, 'is-lost');
    if (!isConnected && Date.now() - triedAt > MAX_SILENCE_MS) connect(element);
  }
}, 5_000);
