import { EVERY } from '../../core/jobs/every.ts';
import { CHANGEABLE_PROPERTIES, JOB_OPTIONS } from '../../core/jobs/job-options.ts';
import { withoutCalls } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import type { ChangeableProperty, ChangeTexts, Faults } from '../job-change-form.ts';
import { DELETES, EVERY_NAMES, option } from './job-form-fields.ts';

/** How the form shows an option. */
interface OptionField {
  label: string;
  note: string;
  /** values with their texts; absent: a text */
  choices?: readonly (readonly [value: string, text: string])[];
  /** of a text that is empty */
  empty: string;
}

const FIELDS: Record<ChangeableProperty, OptionField> = {
  startDate: {
    label: 'Import rows since',
    note: 'A date in UTC, before the current one. Empty: every row. The rows in between are imported.',
    empty: 'every row',
  },
  every: {
    label: 'Every',
    note: 'How often windows close. Something has to call the schedule as often.',
    choices: EVERY.toReversed().map((every) => [every, EVERY_NAMES[every]]),
    empty: '',
  },
  deletes: {
    label: 'Rows deleted in Salesforce',
    note: 'A stricter choice also applies to the rows that are deleted already; no choice brings a row or its values back.',
    choices: DELETES,
    empty: '',
  },
  history: {
    label: 'Versions of a record',
    note: 'In a table of their own.',
    choices: [
      ['false', 'are not kept'],
      ['true', 'are all kept'],
    ],
    empty: '',
  },
  excludeFields: { label: 'Never read', note: 'Names or patterns, separated by commas.', empty: 'no field' },
  hashFields: { label: 'Store only a hash of', note: 'Names or patterns, separated by commas.', empty: 'no field' },
  newFields: {
    label: 'Fields that appear later',
    note: '',
    choices: [
      ['add', 'are added'],
      ['review', 'await approval'],
    ],
    empty: '',
  },
};

/** The changeable options of a job, each with what is wrong with it. @param before as they are */
export function jobChangeFields(texts: ChangeTexts, before: ChangeTexts, faults: Faults): Markup[] {
  return CHANGEABLE_PROPERTIES.map((property) => {
    const { label, note } = FIELDS[property];
    const fault = faults.get(property);
    const id = `${property}-about`;
    if (property === 'startDate' && !before.startDate) {
      return html`<p class="fixed"><span>${label}</span> ${fault ? html`<small class="fault" role="alert">${fault}</small>` : html`<small>Every row is imported: there is no earlier date.</small>`}</p>`;
    }
    return html`<label>${label}
      ${control(property, texts[property], { 'aria-describedby': id, ...(fault && { 'aria-invalid': 'true' }) })}
      ${fault ? html`<small id=${id} class="fault" role="alert">${withoutCalls(fault)}</small>` : html`<small id=${id}>${note}</small>`}</label>`;
  });
}

function control(property: ChangeableProperty, text: string, attributes: Record<string, string>): Content {
  const { name } = JOB_OPTIONS[property];
  const { choices } = FIELDS[property];
  if (choices) {
    return html`<select name=${name} ...${attributes}>${choices.map(([value, shown]) => option(value, shown, value === text))}</select>`;
  }
  if (property === 'startDate') return html`<input type="date" name=${name} value=${text} ...${attributes} />`;
  return html`<input type="text" name=${name} value=${text} spellcheck="false" autocomplete="off" ...${attributes} />`;
}

/** What changes, as it is and as it would be. */
export function jobChangeTable(properties: readonly ChangeableProperty[], before: ChangeTexts, after: ChangeTexts): Markup {
  const shown = (property: ChangeableProperty, texts: ChangeTexts): string => {
    const { choices, empty } = FIELDS[property];
    return choices?.find(([value]) => value === texts[property])?.[1] ?? (texts[property] || empty);
  };
  return html`<table>
    <thead><tr><th>Option</th><th>Now</th><th>New</th></tr></thead>
    <tbody>${properties.map(
      (property) =>
        html`<tr><td>${FIELDS[property].label}</td><td>${shown(property, before)}</td><td><b>${shown(property, after)}</b></td></tr>`,
    )}</tbody>
  </table>`;
}
