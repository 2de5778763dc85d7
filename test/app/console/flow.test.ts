import { expect, test } from '@jest/globals';
import { render } from '../../../app/console/html.ts';
import { type Extent, flow } from '../../../app/console/parts/flow.ts';
import { stagesSoFar } from '../../../app/core/runs/receipt-stages.ts';

const slice = { countBefore: 450, countAfter: null, processed: 450, staged: null, pages: [{ rows: 450, loaded: 250 }] };

/** Each stage as its look and what is read to a person who cannot see it. */
const looks = (extent: Extent): string[] =>
  [
    ...render(flow(stagesSoFar([slice]), extent)).matchAll(
      /<li class="(\w+)".*?<b>(.*?)<\/b><small>(.*?)<span class="hidden">(.*?)<\/span>/g,
    ),
  ].map(([, kind, rows, name, says]) => `${kind} ${rows} ${name}${says}`);

test('the counts of a run that did not reconcile show where they differ, loudly', () => {
  expect(looks('mismatch')).toEqual([
    'same 450 in Salesforce',
    'same 450 extracted',
    'same 450 in pages',
    'off 250 loaded: differs from the count before',
    'wait – staged: not reached',
    'wait – distinct Ids: not reached',
    'wait – typed rows: not reached',
    'wait – written: not reached',
  ]);
});

test('the counts of a run in progress are not compared, because rows are on their way', () => {
  expect(looks('open').slice(2, 5)).toEqual(['same 450 in pages', 'now 250 loaded: in progress', 'wait – staged: not yet']);
});

test('the counts of a run that stopped for another reason show where it stopped', () => {
  expect(looks('stopped').slice(3, 5)).toEqual(['same 250 loaded', 'off – staged: stopped here']);
});
