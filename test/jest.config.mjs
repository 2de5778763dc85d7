import { fileURLToPath } from 'node:url';

/** Suites that start processes, or repeat a whole import many times: `npm run check` runs them, `npm test` does not. */
const SLOW = [
  'test/app/cli.test.ts',
  'test/app/commands/query.test.ts',
  'test/app/doctor-real.test.ts',
  'test/app/local/emulators/postgres.test.ts',
  'test/app/uncaught.test.ts',
  'test/console/console.test.ts',
  'test/fuzz/fuzz.test.ts',
  'test/infra/changes.test.ts',
  'test/infra/image.test.ts',
  'test/infra/operate.test.ts',
  'test/infra/program.test.ts',
  'test/infra/runner.test.ts',
  'test/previous-release.test.ts',
  'test/stories/apply.test.ts',
  'test/stories/audit.test.ts',
  'test/stories/backfill.test.ts',
  'test/stories/bound-logins.test.ts',
  'test/stories/browser-login.test.ts',
  'test/stories/change-job.test.ts',
  'test/stories/changing-fields.test.ts',
  'test/stories/commands.test.ts',
  'test/stories/compare.test.ts',
  'test/stories/connect-links.test.ts',
  'test/stories/connect.test.ts',
  'test/stories/connections.test.ts',
  'test/stories/console.test.ts',
  'test/stories/copied-store.test.ts',
  'test/stories/delete-job.test.ts',
  'test/stories/dictionary.test.ts',
  'test/stories/dropped-tables.test.ts',
  'test/stories/erase-values.test.ts',
  'test/stories/every-call.test.ts',
  'test/stories/every.test.ts',
  'test/stories/field-groups.test.ts',
  'test/stories/field-policy.test.ts',
  'test/stories/history.test.ts',
  'test/stories/late-commits.test.ts',
  'test/stories/least-privilege.test.ts',
  'test/stories/leftover-bulk-jobs.test.ts',
  'test/stories/login-errors.test.ts',
  'test/stories/metadata-tables.test.ts',
  'test/stories/openapi.test.ts',
  'test/stories/outbox.test.ts',
  'test/stories/policy-tags.test.ts',
  'test/stories/preview.test.ts',
  'test/stories/rebuild-killed.test.ts',
  'test/stories/rebuild.test.ts',
  'test/stories/reimport-changes.test.ts',
  'test/stories/reseal.test.ts',
  'test/stories/restored-store.test.ts',
  'test/stories/run-requests.test.ts',
  'test/stories/shared-calls.test.ts',
  'test/stories/silent-warehouse.test.ts',
  'test/stories/small-window.test.ts',
  'test/stories/sweep-slices.test.ts',
  'test/stories/sweep.test.ts',
  'test/stories/taken-over.test.ts',
  'test/stories/unattended.test.ts',
  'test/stories/webhook-delivery.test.ts',
  'test/stories/webhooks.test.ts',
  'test/stories/whole-objects.test.ts',
];

// Each process of a test compiles the same modules.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));

const shared = {
  rootDir: fileURLToPath(new URL('..', import.meta.url)),
  roots: ['<rootDir>/test'],
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/support/start-postgres.ts',
  globalTeardown: '<rootDir>/test/support/stop-postgres.ts',
  testRunner: '<rootDir>/test/support/native-runner.cjs',
  transform: {},
};

const paths = SLOW.map((file) => `<rootDir>/${file}`);

export default {
  // More than the cores of a CI machine: the tests mostly wait for the emulators and for Postgres.
  maxWorkers: 4,
  // Only for what hangs: a busy machine may need ten times as long as an idle one.
  testTimeout: 180_000,
  projects: [
    { ...shared, displayName: 'fast', testMatch: ['<rootDir>/test/**/*.test.ts'], testPathIgnorePatterns: paths },
    { ...shared, displayName: 'slow', testMatch: paths },
  ],
};
