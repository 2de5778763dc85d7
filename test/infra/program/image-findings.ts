import { describe, expect, test } from '@jest/globals';
import { type ProgramRun, runProgram } from '../support/run-program.ts';

type Event = Record<string, unknown>;

const DIGEST = `sha256:${'4'.repeat(64)}`;

/** What ECR and Inspector send, according to AWS's guides. */
function scanEvent(repository: string, counts: Record<string, number>): Event {
  return {
    'detail-type': 'ECR Image Scan',
    source: 'aws.ecr',
    resources: [`arn:aws:ecr:eu-north-1:123456789012:repository/${repository}`],
    detail: {
      'scan-status': 'COMPLETE',
      'repository-name': repository,
      'finding-severity-counts': counts,
      'image-digest': DIGEST,
      'image-tags': [],
    },
  };
}
function findingEvent(repository: string, severity: string, status = 'ACTIVE'): Event {
  const image = `arn:aws:ecr:eu-north-1:123456789012:repository/${repository}/${DIGEST}`;
  return {
    'detail-type': 'Inspector2 Finding',
    source: 'aws.inspector2',
    resources: [image],
    detail: {
      severity,
      status,
      title: 'CVE-2026-1234 - libc6',
      resources: [
        {
          id: image,
          type: 'AWS_ECR_CONTAINER_IMAGE',
          details: { awsEcrContainerImage: { repositoryName: repository, imageHash: DIGEST } },
        },
      ],
    },
  };
}

/** The messages that an event sends to those who receive alarms. */
function messages(run: ProgramRun, event: Event): string[] {
  const rules = run.all('aws:cloudwatch/eventRule:EventRule').filter(({ inputs }) => inputs.eventPattern !== undefined);
  const matching = rules.filter(({ inputs }) => matches(JSON.parse(String(inputs.eventPattern)) as Pattern, event));
  return matching.map(({ name }) => {
    const { arn, inputTransformer } = run.one('aws:cloudwatch/eventTarget:EventTarget', name).inputs;
    expect(run.one('aws:sns/topicSubscription:TopicSubscription', 'image-findings-oncall@acme.test').inputs).toEqual({
      topic: arn,
      protocol: 'email',
      endpoint: 'oncall@acme.test',
    });
    const { inputPaths, inputTemplate } = inputTransformer as { inputPaths: Record<string, string>; inputTemplate: string };
    return (JSON.parse(inputTemplate) as string).replace(/<(\w+)>/g, (_, value: string) => valueAt(event, inputPaths[value]!));
  });
}

describe('vulnerabilities in images', () => {
  const OURS = 'sync-production-0123456';

  test('that ECR finds in a scan are reported in a sentence, if they are high or critical', async () => {
    const run = await runProgram('production');
    expect(messages(run, scanEvent(OURS, { CRITICAL: 1, HIGH: 7, MEDIUM: 9 }))).toEqual([
      `sync-production: ECR found vulnerabilities in the image ${DIGEST} of the repository ${OURS}. Critical: 1. High: 7. See "Vulnerabilities in images" in infra/README.md.`,
    ]);
    expect(messages(run, scanEvent(OURS, { HIGH: 2 }))).toEqual([expect.stringContaining('Critical: . High: 2.')]);
    expect(messages(run, scanEvent(OURS, { MEDIUM: 9 }))).toEqual([]);
    expect(messages(run, scanEvent(OURS, {}))).toEqual([]);
  });

  test('that Inspector finds later are reported in a sentence, until they are closed', async () => {
    const run = await runProgram('production');
    expect(messages(run, findingEvent(OURS, 'CRITICAL'))).toEqual([
      `sync-production: Inspector found a vulnerability of severity CRITICAL in the image arn:aws:ecr:eu-north-1:123456789012:repository/${OURS}/${DIGEST}: CVE-2026-1234 - libc6. See "Vulnerabilities in images" in infra/README.md.`,
    ]);
    expect(messages(run, findingEvent(OURS, 'MEDIUM'))).toEqual([]);
    expect(messages(run, findingEvent(OURS, 'HIGH', 'CLOSED'))).toEqual([]);
  });

  test('concern the repositories that the service is pulled from, and no other', async () => {
    const production = await runProgram('production');
    // The repository of `imageUri`.
    expect(messages(production, scanEvent('sync', { HIGH: 1 }))).toHaveLength(1);
    expect(messages(production, findingEvent('sync', 'HIGH'))).toHaveLength(1);
    expect(messages(production, scanEvent('sync-dev-0123456', { HIGH: 1 }))).toEqual([]);
    expect(messages(production, findingEvent('web', 'HIGH'))).toEqual([]);
    const dev = await runProgram('dev');
    expect(messages(dev, scanEvent('sync-dev-0123456', { HIGH: 1 }))).toHaveLength(1);
    expect(messages(dev, scanEvent('sync', { HIGH: 1 }))).toEqual([]);
  });

  test("leave the account's own configuration of scans as it is: it is one for all stacks and repositories", async () => {
    for (const stack of ['dev', 'production'] as const) {
      const run = await runProgram(stack);
      expect(run.resources.filter(({ type }) => /registryScanningConfiguration|inspector2/.test(type))).toEqual([]);
      expect(run.one('aws:ecr/repository:Repository').inputs.imageScanningConfiguration).toEqual({ scanOnPush: true });
    }
  });
});

interface Pattern {
  [field: string]: Pattern | Pattern[] | (string | { exists: boolean })[];
}

/** EventBridge's matching, as far as the program's patterns need it: of a list, one element has to match. */
function matches(pattern: Pattern, event: unknown): boolean {
  if (Array.isArray(event)) return event.some((element) => matches(pattern, element));
  return Object.entries(pattern).every(([field, wanted]) => {
    if (field === '$or') return (wanted as Pattern[]).some((one) => matches(one, event));
    const value = (event as Event)[field];
    if (!Array.isArray(wanted)) return value !== undefined && matches(wanted, value);
    return wanted.some((one) => (typeof one === 'string' ? value === one : (value !== undefined) === one.exists));
  });
}

/** The value at a path such as `$.resources[0]`, or nothing. */
function valueAt(event: Event, path: string): string {
  const names = path
    .replace('$.', '')
    .split(/[.[\]]+/)
    .filter(Boolean);
  return String(names.reduce<unknown>((value, name) => (value as Event | undefined)?.[name], event) ?? '');
}
