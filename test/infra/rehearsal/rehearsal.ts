// Runs the program under a genuine Pulumi CLI, built from Go's module proxy, against stand-ins for the clouds: the updates that an operator
// makes, and every change in the table of infra/README.md. Fails if Pulumi does something else than the tests of these changes expect.
//   npm run rehearsal
import packageJson from '../../../package.json' with { type: 'json' };
import { listen, servicesOf } from '../support/messages.ts';
import { project } from '../support/stack-config.ts';
import { build, Missing, PULUMI } from './go-tools.ts';
import { languageHost } from './language-host.ts';
import { provider } from './provider.ts';
import { rehearse } from './rehearse.ts';
import { Workspace } from './workspace.ts';

const { ResourceProviderService } = servicesOf<typeof import('@pulumi/pulumi/proto/provider_grpc_pb.js')>('provider');
const { LanguageRuntimeService } = servicesOf<typeof import('@pulumi/pulumi/proto/language_grpc_pb.js')>('language');

const { devDependencies } = packageJson;

/** The plugins that the program needs, with the versions of their SDKs. awsx itself needs the last one. */
const PLUGINS = {
  aws: devDependencies['@pulumi/aws'],
  awsx: devDependencies['@pulumi/awsx'],
  gcp: devDependencies['@pulumi/gcp'],
  random: devDependencies['@pulumi/random'],
  'docker-build': '0.0.14',
};

process.exitCode = await main();
// The servers would keep the process alive.
process.exit();

async function main(): Promise<number> {
  try {
    const cli = build(PULUMI);
    const generated = new Set<string>();
    const ports: string[] = [];
    for (const [name, version] of Object.entries(PLUGINS)) {
      const methods = provider({ version, acceptsSecrets: name === 'awsx', generated });
      ports.push(`${name}:${(await listen([[ResourceProviderService as never, methods as never]])).port}`);
    }
    const host = await listen([[LanguageRuntimeService as never, languageHost(project.runtime.options.typescript) as never]]);
    console.log(`Pulumi CLI ${PULUMI.version}, genuine; its host for Node, the providers (${Object.keys(PLUGINS).join(', ')}): stand-ins.`);
    const workspace = new Workspace(cli, ports.join(','), `nodejs:${host.port}`);
    try {
      return (await rehearse(workspace, generated)) ? 0 : 1;
    } finally {
      workspace.close();
    }
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.error(`SKIPPED, nothing was rehearsed. ${error.message}`);
    return 0;
  }
}
