import { expect, test } from '@jest/globals';
import { isForbiddenAddress } from '../../../../app/core/connections/forbidden-address.ts';

test.each([
  '127.0.0.1',
  '127.255.0.9',
  '0.0.0.0',
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  '255.255.255.255',
  '::',
  '::1',
  '[::1]',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  'fe80::1%eth0',
  'fd00:ec2::254',
  '64:ff9b::a9fe:a9fe',
  '2002:7f00:1::',
])('%s is forbidden', (address) => {
  expect(isForbiddenAddress(address)).toBe(true);
});

test.each(['10.0.0.1', '192.168.1.1', '8.8.8.8', '2606:4700::1', '::ffff:8.8.8.8', '64:ff9b::808:808', 'fd12::1', 'hooks.slack.com', ''])(
  '%j is not',
  (address) => {
    expect(isForbiddenAddress(address)).toBe(false);
  },
);
