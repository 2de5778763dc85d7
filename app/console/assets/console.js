// What the pages do beyond HTML. All of it is a convenience: every page works without it.

/** A live part that has received nothing for this long is out of date: the service sends something every ten seconds. */
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

// Live parts: they say since when they are out of date, instead of looking current, also those that never connected.
const heardAt = new Map([...document.querySelectorAll('[data-live]')].map((element) => [element, Date.now()]));
const connected = new WeakSet();

function mark(element, isLost) {
  const frame = element.closest('[data-live-frame]');
  if (!frame || frame.classList.contains('is-lost') === isLost) return;
  frame.classList.toggle('is-lost', isLost);
  const since = frame.querySelector('[data-since]');
  const last = heardAt.get(element) ?? Date.now();
  if (isLost && since) since.textContent = `${new Date(last).toISOString().slice(11, 19)} UTC`;
}
function heard({ target }) {
  heardAt.set(target, Date.now());
  mark(target, false);
  // The tab says how many things need a person, also while another tab is open beside it.
  const { title } = target.querySelector('[data-title]')?.dataset ?? {};
  if (title) document.title = title;
}
document.addEventListener('htmx:sse:after:connection', heard);
document.addEventListener('htmx:sse:after:connection', ({ target }) => connected.add(target));
document.addEventListener('htmx:sse:after:message', heard);
document.addEventListener('htmx:sse:error', ({ target }) => mark(target, true));
document.addEventListener('htmx:sse:close', ({ target }) => heardAt.delete(target));
document.addEventListener('visibilitychange', () => {
  // A hidden tab receives nothing; what it shows is out of date until it hears again.
  if (!document.hidden) for (const element of heardAt.keys()) heardAt.set(element, Date.now());
});
setInterval(() => {
  if (document.hidden) return;
  for (const [element, at] of heardAt) {
    if (Date.now() - at <= MAX_SILENCE_MS) continue;
    mark(element, true);
    // htmx repeats requests of a connection that it had, but not the first.
    if (!connected.has(element)) window.htmx.ajax('GET', element.getAttribute('hx-sse:connect'), { source: element });
  }
}, 5_000);
