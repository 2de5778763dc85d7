import * as z from 'zod';
import { listProcesses } from '../../store/processes.ts';
import { VERSION } from '../../version.ts';
import { defineEndpoint } from '../endpoint.ts';
import { instant } from '../schemas/json.ts';

const processJson = z
  .strictObject({
    host: z.string().meta({ description: 'The name of its machine or container.' }),
    version: z.string(),
    started_at: instant,
    heartbeat_at: instant.meta({ description: 'When it last reported that it runs.' }),
    alive: z.boolean().meta({ description: 'False: it has not reported for a while. It is listed for a day.' }),
  })
  .meta({ id: 'Process', description: 'A process of the service.' });

/** What the call returns. */
export const versionJson = z.strictObject({ version: z.string(), processes: z.array(processJson) });

/** Which releases run. During a deployment, there are two. */
export const version = defineEndpoint({
  name: 'v1/version',
  methods: ['GET'],
  group: 'releases',
  summary: 'Returns the version of the process that responds, and all processes of the service.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({}),
  response: versionJson,
  errors: [],
  example: {
    request: {},
    response: {
      version: '1.4.0',
      processes: [
        {
          host: 'ip-10-0-1-17',
          version: '1.4.0',
          started_at: '2024-03-11T08:30:00.000Z',
          heartbeat_at: '2024-03-11T09:12:30.000Z',
          alive: true,
        },
      ],
    },
  },
  async handle({ database }) {
    const processes = await listProcesses(database);
    return {
      version: VERSION,
      processes: processes.map(({ host, version: release, startedAt, heartbeatAt, isAlive }) => ({
        host,
        version: release,
        started_at: startedAt,
        heartbeat_at: heartbeatAt,
        alive: isAlive,
      })),
    };
  },
});
