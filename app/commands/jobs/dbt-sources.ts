import { type RemoteOptions, serviceCommand } from '../remote/open-service.ts';

interface Options extends RemoteOptions {
  dataset?: string;
}

/** Prints the sources.yml of a dbt project. */
export const dbtSources = serviceCommand<Options>(async (service, { options: { dataset } }) => {
  process.stdout.write(await service.getText('v1/dbt-sources', { dataset }));
  return 0;
});
