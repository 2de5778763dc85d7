import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** Created for this test with the names of Amazon's roots. Valid until 2126; its private key was discarded. */
const AMAZON = `-----BEGIN CERTIFICATE-----
MIICiTCCAi+gAwIBAgIURieU6ahW0lY0D7Aa5ImDamkAB3AwCgYIKoZIzj0EAwIw
gZgxCzAJBgNVBAYTAlVTMRAwDgYDVQQHDAdTZWF0dGxlMTEwLwYDVQQDDChBbWF6
b24gUkRTIGV1LW5vcnRoLTEgUm9vdCBDQSBSU0EyMDQ4IEcxMQswCQYDVQQIDAJX
QTETMBEGA1UECwwKQW1hem9uIFJEUzEiMCAGA1UECgwZQW1hem9uIFdlYiBTZXJ2
aWNlcywgSW5jLjAgFw0yNjExMjQwODA4MzlaGA8yMTI2MTAzMTA4MDgzOVowgZgx
CzAJBgNVBAYTAlVTMRAwDgYDVQQHDAdTZWF0dGxlMTEwLwYDVQQDDChBbWF6b24g
UkRTIGV1LW5vcnRoLTEgUm9vdCBDQSBSU0EyMDQ4IEcxMQswCQYDVQQIDAJXQTET
MBEGA1UECwwKQW1hem9uIFJEUzEiMCAGA1UECgwZQW1hem9uIFdlYiBTZXJ2aWNl
cywgSW5jLjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBSc0zbFa6QffbXbEofy
E4cLIahHrtszPKWmosVQGgbGTToGsjt6wQ7Re6txaBlM/BtjdJeX18nCsll1IDKw
VJOjUzBRMB0GA1UdDgQWBBRQAFMZRrkNfOSYg3HJp0PWAxejjTAfBgNVHSMEGDAW
gBRQAFMZRrkNfOSYg3HJp0PWAxejjTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0gAMEUCIQCoU1H00YMhgDu6QrCF8krj/0v/RjvPYOgE55owjLLUxgIgNsk3
ZoE7MvgoqUBt99y0n7BWC4wlnhQLPD8oh5N6LWE=
-----END CERTIFICATE-----
`;

/** The same with other names. */
const FOREIGN = `-----BEGIN CERTIFICATE-----
MIIBrzCCAVWgAwIBAgIUfY/jD0iF+W1RpxymMkW4uVScojIwCgYIKoZIzj0EAwIw
LDEVMBMGA1UEAwwMU29tZSBSb290IENBMRMwEQYDVQQKDApTb21lIHByb3h5MCAX
DTI2MTEyNDA4MDgzOVoYDzIxMjYxMDMxMDgwODM5WjAsMRUwEwYDVQQDDAxTb21l
IFJvb3QgQ0ExEzARBgNVBAoMClNvbWUgcHJveHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATgiP1xzFBrrUYUQqyAyqdfhKKU3jt9TyLwfq4WRNC6/bxe1LZBtLKq
8jIm97K8ATQgE1DCvbY5Trg1iGk4T5nSo1MwUTAdBgNVHQ4EFgQUiCQ87ydbPjfq
H3GQBo1NPXyHpsYwHwYDVR0jBBgwFoAUiCQ87ydbPjfqH3GQBo1NPXyHpsYwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiA93CjcOFpij9qxvg4AlUby
qIuWMR6XD5dp3+i3QJ/znQIhAO/Dh9pgx81sq3K30kAqa/LLpKYdiPXCF0j+u6cu
wMc4
-----END CERTIFICATE-----
`;

/** Runs the Dockerfile's check on a downloaded file. @returns its exit code */
async function check(file: string): Promise<number | null> {
  const [, script] = /<<'END'\n([\s\S]*?)\nEND\n/.exec(await readFile('Dockerfile', 'utf8'))!;
  const folder = await mkdtemp(join(tmpdir(), 'rds-authorities-'));
  try {
    await writeFile(join(folder, 'rds-authorities.pem'), file);
    return spawnSync(process.execPath, ['--input-type=module'], { cwd: folder, input: script }).status;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the image build accepts a list of RDS's certificate authorities", async () => {
  expect(await check(AMAZON)).toBe(0);
});

test.each([
  ['an empty file', ''],
  ["a proxy's page", '<html><body>Please log in</body></html>'],
  ['a foreign authority', FOREIGN],
  ['a list that contains a foreign authority', AMAZON + FOREIGN],
  ['a truncated list', AMAZON + AMAZON.slice(0, 400)],
])('the image build rejects %s', async (_, file) => {
  expect(await check(file)).toBe(1);
});
