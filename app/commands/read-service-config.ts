import { type Config, readConfig } from '../config.ts';

/** Which service a command is about. */
export interface ServiceOptions {
  /** the one that `serve --local` runs in the folder `data` */
  local?: boolean;
  data?: string;
}

/**
 * The environment of a service: this process's, or with `local`, that of the running local one.
 * @returns also what is local, in a sentence; undefined: nothing is
 * @throws CommandError
 */
export async function findServiceEnv(
  { local, data = '.local' }: ServiceOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ env: NodeJS.ProcessEnv; summary: string | undefined }> {
  if (!local) return { env, summary: undefined };
  const { findLocal } = await import('../local/start-local.ts');
  return await findLocal(env, { data });
}

/**
 * The configuration of a service.
 * @returns also what is local, in a sentence; undefined: nothing is
 * @throws ConfigError, CommandError
 */
export async function readServiceConfig(
  options: ServiceOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ config: Config; summary: string | undefined }> {
  const found = await findServiceEnv(options, env);
  return { config: readConfig(found.env, options.local), summary: found.summary };
}
