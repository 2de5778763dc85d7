import { type Config, readConfig } from '../config.ts';

/** Which service a command is about. */
export interface ServiceOptions {
  /** the one that `serve --local` runs in the folder `data` */
  local?: boolean;
  data?: string;
}

/**
 * The configuration of a service: the environment's, or with `local`, that of the running local one.
 * @returns also what is local, in a sentence; undefined: nothing is
 * @throws ConfigError, CommandError
 */
export async function readServiceConfig(
  { local, data = '.local' }: ServiceOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ config: Config; summary: string | undefined }> {
  if (!local) return { config: readConfig(env), summary: undefined };
  const { findLocal } = await import('../local/start-local.ts');
  const found = await findLocal(env, { data });
  return { config: readConfig(found.env, true), summary: found.summary };
}
