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
  'test/infra/service/image.test.ts',
  'test/infra/operate.test.ts',
  'test/infra/program.test.ts',
  'test/infra/runner.test.ts',
  'test/previous-release.test.ts',
  'test/stories/jobs/apply.test.ts',
  'test/stories/operation/audit.test.ts',
  'test/stories/tables/backfill.test.ts',
  'test/stories/logins/bound-logins.test.ts',
  'test/stories/logins/browser-login.test.ts',
  'test/stories/jobs/change-job.test.ts',
  'test/stories/tables/changing-fields.test.ts',
  'test/stories/operation/commands.test.ts',
  'test/stories/repairs/compare.test.ts',
  'test/stories/logins/connect-links.test.ts',
  'test/stories/logins/connect.test.ts',
  'test/stories/logins/connections.test.ts',
  'test/stories/operation/console.test.ts',
  'test/stories/operation/copied-store.test.ts',
  'test/stories/jobs/delete-job.test.ts',
  'test/stories/jobs/dictionary.test.ts',
  'test/stories/tables/dropped-tables.test.ts',
  'test/stories/repairs/erase-values.test.ts',
  'test/stories/windows/every-call.test.ts',
  'test/stories/jobs/every.test.ts',
  'test/stories/windows/field-groups.test.ts',
  'test/stories/jobs/field-policy.test.ts',
  'test/stories/tables/history.test.ts',
  'test/stories/windows/late-commits.test.ts',
  'test/stories/jobs/least-privilege.test.ts',
  'test/stories/windows/leftover-bulk-jobs.test.ts',
  'test/stories/logins/login-errors.test.ts',
  'test/stories/tables/metadata-tables.test.ts',
  'test/stories/operation/openapi.test.ts',
  'test/stories/tables/outbox.test.ts',
  'test/stories/jobs/policy-tags.test.ts',
  'test/stories/jobs/preview.test.ts',
  'test/stories/repairs/rebuild-killed.test.ts',
  'test/stories/repairs/rebuild.test.ts',
  'test/stories/repairs/reimport-changes.test.ts',
  'test/stories/logins/reseal.test.ts',
  'test/stories/operation/restored-store.test.ts',
  'test/stories/operation/run-requests.test.ts',
  'test/stories/windows/shared-calls.test.ts',
  'test/stories/tables/silent-warehouse.test.ts',
  'test/stories/windows/small-window.test.ts',
  'test/stories/repairs/sweep-slices.test.ts',
  'test/stories/repairs/sweep.test.ts',
  'test/stories/tables/taken-over.test.ts',
  'test/stories/logins/unattended.test.ts',
  'test/stories/operation/webhook-delivery.test.ts',
  'test/stories/operation/webhooks.test.ts',
  'test/stories/windows/whole-objects.test.ts',
];

// Each process of a test compiles the same modules.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));

const shared = {
  rootDir: fileURLToPath(new URL('..', import.meta.url)),
  roots: ['<rootDir>/test'],
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/support/store/start-postgres.ts',
  globalTeardown: '<rootDir>/test/support/store/stop-postgres.ts',
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
