import type { Dispatcher } from 'undici';

/** Reads BigQuery's error response as an error in the shape that the client library throws, for `translateBigQueryError`. */
export async function readResponseError(response: Dispatcher.ResponseData): Promise<Error> {
  const text = await response.body.text();
  let body: { error?: { message?: string; errors?: { reason?: string }[] } } = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // Not from BigQuery, for example a proxy's page: use the status only.
  }
  return Object.assign(new Error(body.error?.message ?? ''), {
    code: response.statusCode,
    errors: body.error?.errors ?? [],
    response,
  });
}
