import { type CheckResult, checkService } from '../../actions/check-service.ts';
import { sendTestAlert } from '../../actions/send-test-alert.ts';
import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import { insertChange } from '../../store/audit.ts';
import { VERSION } from '../../version.ts';
import { describeConfig } from '../describe-config.ts';
import { count, formatDuration, relative } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { action } from '../parts/action.ts';
import { type Meaning, pill } from '../parts/pill.ts';
import type { Page, Route, SeeOther, SlowPage, Visit } from '../route.ts';

/** The effective configuration without its secrets, the API keys, and what checks that both work. */
export const settings: readonly Route[] = [
  { method: 'GET', path: '/settings', handle: page },
  { method: 'POST', path: '/settings/test-alert', handle: testAlert },
  { method: 'POST', path: '/settings/doctor', handle: runDoctor },
  // Its address stays in the browser after a run: opening it again runs nothing.
  { method: 'GET', path: '/settings/doctor', handle: async () => ({ location: '/console/settings' }) },
];

async function page(visit: Visit): Promise<Page> {
  const { context } = visit;
  const { keyless } = context.config.http;
  return {
    title: 'Settings',
    heading: html`<span class="sub">Version ${VERSION}. Settings are environment variables: change them there, then restart the service.</span>`,
    body: html`<div>
      <section class="card">
        ${alerting(visit)}
        <div class="verdict"><span class="grow"><b>Doctor</b> checks the job store, the connections, the datasets, and a load and a MERGE in BigQuery, which write a row into the staging dataset. Also by <code>${keyless ? 'npm run doctor' : 'npm run op -- doctor'}</code></span>${action(visit, { label: 'Run doctor', path: '/settings/doctor' })}</div>
      </section>
      <h2>API keys</h2>
      <section class="card scroll" tabindex="0">${keyless ? NO_KEYS : await keyTable(visit)}</section>
      ${describeConfig(context.config).map(
        ({ subject, settings: shown }) =>
          html`<h2>${subject}</h2><section class="card"><dl class="about settings">${shown.map(({ name, value }) => [html`<dt class="mono">${name}</dt>`, html`<dd class=${value === 'not set' ? 'sub' : undefined}>${value}</dd>`])}</dl></section>`,
      )}
    </div>`,
  };
}

const NO_KEYS = html`<p class="empty">This service runs locally, for this machine only, and needs no key.</p>`;

function alerting(visit: Visit): Markup {
  const { webhook } = visit.context.config;
  const text = webhook
    ? `Messages about ${webhook.events.join(', ')} are sent in the ${webhook.format === 'slack' ? 'form of Slack' : 'generic form'}.`
    : 'Nothing receives them: set ALERT_WEBHOOK_URL, and a failure comes to you, for example in Slack.';
  return html`<div class="verdict first"><span class="grow"><b>Alerts.</b> ${text}</span>${webhook ? action(visit, { label: 'Send a test alert', path: '/settings/test-alert' }) : null}</div>`;
}

async function keyTable({ context, now }: Visit): Promise<Markup> {
  const uses = await context.keyUses.read();
  return html`<table>
    <thead><tr><th>Name</th><th>Role</th><th class="num">Last use</th></tr></thead>
    <tbody>${context.config.http.keys.map(({ name, role }) => {
      const usedAt = uses.get(name);
      return html`<tr><td>${name}</td><td>${role}</td><td class="num">${usedAt ? relative(usedAt, now) : 'never'}</td></tr>`;
    })}</tbody>
  </table>`;
}

async function testAlert({ context, caller }: Visit): Promise<SeeOther> {
  await sendTestAlert(context, caller.name);
  const text = 'A test alert is queued, and is sent within seconds. If it does not arrive, the log says why: webhook_not_sent.';
  return { location: '/console/settings', notice: { kind: 'good', text } };
}

/** Longer than the checks of a healthy service take, and than any one call. */
const MAX_DOCTOR_MS = 5 * 60_000;

/** One at a time in this process: each calls every org, and writes to BigQuery. */
let isDoctorRunning = false;

/** Checks everything the service needs, while the page is open. @throws AppError conflict if it is being checked */
async function runDoctor({ context, caller, closed }: Visit): Promise<SlowPage> {
  if (isDoctorRunning) throw new AppError('conflict', 'Doctor is running already, for another page. Wait until it has finished.');
  isDoctorRunning = !closed.aborted;
  closed.addEventListener('abort', () => {
    isDoctorRunning = false;
  });
  await insertChange(context.database, { by: caller.name, action: 'doctor_run' });
  return {
    title: 'Doctor',
    heading: [
      html`<span class="sub">Each check appears when it has ended. Leaving the page stops them.</span>`,
      html`<span class="push"><a class="button" href="/console/settings">Back to the settings</a></span>`,
    ],
    body: (rows) =>
      html`<section class="card"><table><thead><tr><th class="tight">Result</th><th>Check</th></tr></thead><tbody>${rows}</tbody></table></section>`,
    rows: checkRows(context, AbortSignal.any([closed, AbortSignal.timeout(MAX_DOCTOR_MS)])),
  };
}

async function* checkRows(context: Context, signal: AbortSignal): AsyncGenerator<Markup> {
  const results: CheckResult['result'][] = [];
  for await (const { what, result, text } of checkService(context, signal)) {
    results.push(result);
    yield checkRow(pill(MEANINGS[result], result), html`${what}<span class="why">${text}</span>`);
  }
  const failures = results.filter((result) => result === 'failed').length;
  const follow = `follow what ${failures === 1 ? 'it says' : 'they say'}, then run doctor again.`;
  if (failures > 0) yield checkRow(pill('bad', 'not healthy'), html`<b>${count(failures, 'check')} failed: ${follow}</b>`);
  else if (results.includes('not checked')) yield checkRow(pill('warn', 'not checked'), html`<b>${STOPPED}</b>`);
  else yield checkRow(pill('good', 'healthy'), html`<b>All checks passed.</b>`);
}

const MEANINGS: Readonly<Record<CheckResult['result'], Meaning>> = { passed: 'good', failed: 'bad', 'not checked': 'warn' };

const STOPPED = `The checks took longer than ${formatDuration(MAX_DOCTOR_MS)}, or the session has ended. Run doctor again.`;

function checkRow(state: Markup, what: Markup): Markup {
  return html`<tr><td class="tight nowrap">${state}</td><td>${what}</td></tr>`;
}
