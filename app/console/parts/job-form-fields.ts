import type { Context } from '../../context.ts';
import { EVERY, type Every } from '../../core/jobs/every.ts';
import type { ListedConnection } from '../../store/connections/connection-list.ts';
import { type Content, html, type Markup } from '../html.ts';
import type { JobForm } from '../job-form.ts';

/** The options of new jobs. */
export function jobFormFieldset({ config }: Context, connection: ListedConnection, { options, takeOver }: JobForm): Markup {
  const { datasets } = config.bigquery;
  return html`<div class="stack-fields">
    <label>Import rows since
      <input type="date" name="start_date" value=${options.startDate === 'all' ? '' : options.startDate} aria-describedby="since-note" />
      <small id="since-note">A date in UTC. Empty: every row.</small></label>
    <label>Every
      <select name="every">${EVERY.toReversed().map((every) => option(every, EVERY_NAMES[every], every === (options.every ?? 'day')))}</select>
      <small>How often windows close. Something has to call the schedule as often.</small></label>
    ${datasets.length > 1 ? html`<label>Dataset <select name="dataset">${datasets.map((name) => option(name, name, name === (options.targetDataset ?? datasets[0])))}</select></label>` : null}
    <label>Rows deleted in Salesforce
      <select name="deletes">${DELETES.map(([value, text]) => option(value, text, value === (options.deletes ?? 'keep')))}</select></label>
    <label class="check"><input type="checkbox" name="history" value="true" checked=${options.history === 'true'} /> Keep each version of a record</label>
    <details open=${Boolean(options.excludeFields || options.hashFields || options.newFields || takeOver)}>
      <summary>Fields and more</summary>
      <div class="stack-fields">
        <label>Never read
          <input type="text" name="exclude_fields" value=${options.excludeFields ?? ''} placeholder="SSN__c, *.*_Secret__c" spellcheck="false" autocomplete="off" />
          ${defaults(connection.excludeFields)}</label>
        <label>Store only a hash of
          <input type="text" name="hash_fields" value=${options.hashFields ?? ''} placeholder="Contact.Email" spellcheck="false" autocomplete="off" />
          ${config.hashSalt === undefined ? html`<small>Needs HASH_SALT, which is not set.</small>` : defaults(connection.hashFields)}</label>
        <label>Fields that appear later
          <select name="new_fields">${[
            option(
              '',
              connection.newFields === 'review' ? 'await approval (of this connection)' : 'are added (the default)',
              !options.newFields,
            ),
            option('add', 'are added', options.newFields === 'add'),
            option('review', 'await approval', options.newFields === 'review'),
          ]}</select></label>
        <label class="check"><input type="checkbox" name="take_over" value="true" checked=${takeOver} /> Take over jobs that another user of the org has</label>
      </div>
    </details>
  </div>`;
}

/** The texts of the values of `every`, after "Every". */
export const EVERY_NAMES: Record<Every, string> = {
  '15m': '15 minutes',
  '20m': '20 minutes',
  '30m': '30 minutes',
  '1h': 'hour',
  '2h': '2 hours',
  '3h': '3 hours',
  '4h': '4 hours',
  '6h': '6 hours',
  '8h': '8 hours',
  '12h': '12 hours',
  day: 'day',
};

/** The texts of the values of `deletes`. */
export const DELETES = [
  ['keep', 'stay, marked as deleted'],
  ['blank', 'stay, without their values'],
  ['remove', 'are removed'],
] as const;

/** A choice of a select element. */
export function option(value: string, name: string, isChosen: boolean): Markup {
  return html`<option value=${value} selected=${isChosen}>${name}</option>`;
}

function defaults(patterns: readonly string[]): Content {
  return html`<small>Names or patterns, separated by commas.${patterns.length > 0 ? ` Of this connection, in any case: ${patterns.join(', ')}.` : null}</small>`;
}
