import type { Dispatcher } from 'undici';

/**
 * Reads BigQuery's error response as an error in the shape that the client library throws, for `translateBigQueryError`. It has neither
 * errors nor a message if the response is not from BigQuery's API, but for example a proxy's page.
 */
export async function readResponseError(response: Dispatcher.ResponseData): Promise<Error> {
  const { message, errors } = parseError(await response.body.text());
  return Object.assign(new Error(typeof message === 'string' ? message : ''), {
    code: response.statusCode,
    errors: Array.isArray(errors) ? errors : [],
    response,
  });
}

function parseError(body: string): { message?: unknown; errors?: unknown } {
  try {
    return (JSON.parse(body) as { error?: object | null } | null)?.error ?? {};
  } catch {
    return {};
  }
}
