import { AuthClient, GoogleAuth, type gaxios } from 'google-auth-library';
import { failureMessage } from '../core/failure-message.ts';
import { AppError, externalErrorCode } from '../errors.ts';
import { createFederatedClient, type Federation } from './create-federated-client.ts';

/**
 * Credentials whose errors say what to do. The library's own client hides them: without credentials it calls BigQuery anonymously and
 * reports that failure instead.
 */
class Credentials extends AuthClient {
  readonly #find: () => Promise<AuthClient>;
  readonly #explain: (error: unknown) => AppError;

  /** @param find throws AppError if there are no credentials */
  constructor(find: () => Promise<AuthClient>, explain: (error: unknown) => AppError) {
    super();
    this.#find = find;
    this.#explain = explain;
  }

  async getRequestHeaders(url?: string | URL): Promise<Headers> {
    return await this.#use((client) => client.getRequestHeaders(url));
  }

  async getAccessToken(): ReturnType<AuthClient['getAccessToken']> {
    return await this.#use((client) => client.getAccessToken());
  }

  async request<T>(options: gaxios.GaxiosOptions): gaxios.GaxiosPromise<T> {
    const client = await this.#find();
    return await client.request<T>(options);
  }

  async #use<T>(ask: (client: AuthClient) => Promise<T>): Promise<T> {
    const client = await this.#find();
    try {
      return await ask(client);
    } catch (error) {
      throw this.#explain(error);
    }
  }
}

/** The application default credentials. Each use searches until they are found, files first, for at most three seconds. */
export function defaultCredentials(project: string, scope: string): AuthClient {
  const auth = new GoogleAuth({ scopes: [scope], projectId: project });
  const find = async (): Promise<AuthClient> => {
    try {
      return await auth.getClient();
    } catch (error) {
      throw missingCredentialsError(error);
    }
  };
  return new Credentials(find, (error) =>
    refusedError(error, 'Google refused the application default credentials', () => 'Run gcloud auth application-default login again.'),
  );
}

/** Keyless credentials in an ECS task. */
export function federatedCredentials(federation: Federation, scope: string): AuthClient {
  const { audience, serviceAccount } = federation;
  const credentials = (): ReturnType<Federation['credentials']> => federation.credentials().catch(throwAwsError);
  const client = createFederatedClient({ ...federation, credentials }, scope);
  return new Credentials(
    async () => client,
    (error) =>
      refusedError(error, 'Google refused the AWS role of the task', (url) =>
        url.includes(':generateAccessToken')
          ? `Grant the principals of the workload identity pool (WIF_AUDIENCE is ${audience}) the role Workload Identity User on ${serviceAccount}, and check that GCP_SERVICE_ACCOUNT is correct.`
          : `Check WIF_AUDIENCE (${audience}), and check that the attribute condition of this workload identity provider allows the AWS role of the task.`,
      ),
  );
}

/** Does not show the cause's message, which may quote a key file. */
function missingCredentialsError(cause: unknown): AppError {
  const fromVariable = String((cause as { message?: unknown }).message).includes('GOOGLE_APPLICATION_CREDENTIALS');
  const message = fromVariable
    ? 'The file in GOOGLE_APPLICATION_CREDENTIALS contains no usable credentials. Point the variable to a valid file, or unset it and run gcloud auth application-default login.'
    : 'No Google credentials found. Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS. In an ECS task, set WIF_AUDIENCE and GCP_SERVICE_ACCOUNT.';
  return new AppError('bigquery_refused', message, { cause, recovery: 'defer' });
}

function throwAwsError(cause: unknown): never {
  const reason = externalErrorCode(cause) ?? (cause as { name?: string }).name ?? 'no reason given';
  const message = `Could not authenticate with Google: AWS did not provide credentials for the task role (${reason}). Check that the task definition has a task role.`;
  throw new AppError('bigquery_unavailable', message, { cause });
}

/** An error response of a Google token service: either OAuth's two strings, or an API error. */
interface TokenError {
  error?: string | { message?: string; status?: string };
  error_description?: string;
}

/** @param advice returns what to do, given the URL that refused */
function refusedError(error: unknown, what: string, advice: (url: string) => string): AppError {
  if (error instanceof AppError) return error;
  const { response, config } = error as { response?: { status?: number; data?: TokenError }; config?: { url?: unknown } };
  const doing = 'authenticate with Google';
  const status = response?.status;
  if (status === undefined || status === 429 || status >= 500) {
    const code = status === undefined ? (externalErrorCode(error) ?? 'no reason given') : `HTTP ${status}`;
    const message = `Could not ${doing}: its token service did not respond (${code}).`;
    return new AppError('bigquery_unavailable', message, { cause: error });
  }
  const { error: oauthError, error_description } = response?.data ?? {};
  const { code, message } =
    typeof oauthError === 'object'
      ? { code: oauthError.status, message: oauthError.message }
      : { code: oauthError, message: error_description };
  const sentence = failureMessage({ doing, what, code: code ?? `HTTP ${status}`, message, advice: advice(String(config?.url ?? '')) });
  return new AppError('bigquery_refused', sentence, { cause: error, recovery: 'defer' });
}
