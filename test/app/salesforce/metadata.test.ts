import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { callbackUrlOf } from '../../../app/local/connect/callback-listener.ts';
import { DEFAULT_PORT_BASE } from '../../../app/local/emulators/ports.ts';

const FOLDER = 'app/salesforce/metadata/app';
const FILES = globSync(`${FOLDER}/**/*.xml`);

const valuesOf = (element: string): string[] =>
  FILES.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map(([, text]) => text!),
  );

test('the app for the Salesforce CLI is the one that connect describes', () => {
  const [app] = globSync(join(FOLDER, 'externalClientApps/*.eca-meta.xml')).map((file) => basename(file, '.eca-meta.xml'));
  expect(valuesOf('externalClientApplication')).toEqual([app, app]);
  expect(valuesOf('callbackUrl')).toEqual([callbackUrlOf(DEFAULT_PORT_BASE)]);
  expect(valuesOf('commaSeparatedOauthScopes')).toEqual(['Api, RefreshToken']);
  expect([valuesOf('isPkceRequired'), valuesOf('isConsumerSecretOptional')]).toEqual([['true'], ['false']]);
  expect(valuesOf('consumerSecret')).toEqual([]);
});

test('the permission set grants reading only', () => {
  for (const right of ['allowCreate', 'allowEdit', 'allowDelete', 'modifyAllRecords'])
    expect(new Set(valuesOf(right))).toEqual(new Set(['false']));
  expect(valuesOf('allowRead')).toEqual(valuesOf('object').map(() => 'true'));
  expect(valuesOf('name')).toEqual(['ApiEnabled', 'ViewSetup']);
});
