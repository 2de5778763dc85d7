import Router from '@koa/router';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import type { Caller } from './auth.ts';
import { operationsOf } from './docs/operations.ts';
import { type Endpoint, pathParameters } from './endpoint.ts';
import { createValidator, readFields } from './fields.ts';

const OR = new Intl.ListFormat('en', { type: 'disjunction' });

/** Routes each request to the endpoint of its path and method. Endpoints that share a path have the same name, but no method in common. */
export function createRouter(context: Context, endpoints: readonly Endpoint[]): Router {
  const router = new Router();
  for (const [name, onPath] of Map.groupBy(endpoints, (endpoint) => endpoint.name)) {
    const validators = new Map(onPath.map((endpoint) => [endpoint, validatorOf(endpoint)]));
    router.all(`/${name.replaceAll(/\{(\w+)\}/g, ':$1')}`, async (ctx) => {
      const endpoint = onPath.find(({ methods }) => (methods as readonly string[]).includes(ctx.method));
      if (!endpoint) {
        const methods = onPath.flatMap((other) => other.methods);
        ctx.set('Allow', methods.join(', '));
        throw new AppError('method_not_allowed', `/${name} supports only ${new Intl.ListFormat('en').format(methods)}.`);
      }
      const caller = ctx.state.caller as Caller;
      if (!endpoint.roles.includes(caller.role)) {
        // The method distinguishes the endpoints of a path, which may require different roles.
        const called = onPath.length > 1 ? `${ctx.method} /${name}` : `/${name}`;
        throw new AppError(
          'forbidden',
          `API keys with role ${caller.role} may not call ${called}. Use a key with role ${OR.format(endpoint.roles)}.`,
        );
      }
      const fields = await readFields(ctx, endpoint.maxBytes);
      const valid = validators.get(endpoint)!(fields, ctx.params);
      const wantsJson = ctx.accepts('text/plain', 'application/json') === 'application/json';
      const closed = new AbortController();
      ctx.res.once('close', () => closed.abort());
      ctx.body = await endpoint.handle(context, valid, caller, wantsJson, closed.signal);
    });
  }
  return router;
}

function validatorOf(endpoint: Endpoint): ReturnType<typeof createValidator> {
  const inQuery = operationsOf([endpoint]).every(({ hasBody }) => !hasBody);
  return createValidator(endpoint.request, pathParameters(endpoint), inQuery);
}
