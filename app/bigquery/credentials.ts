import { AuthClient, GoogleAuth, type gaxios } from 'google-auth-library';
import { failureSentence } from '../core/failure-sentence.ts';
import { AppError, foreignCode } from '../errors.ts';
import { type Federation, federatedClient } from './federated-client.ts';

/**
 * Credentials whose failures say what to do. The libraries' own client hides them: it calls BigQuery without any credentials where it
 * finds none, and tells what became of that.
 */
class Credentials extends AuthClient {
  readonly #find: () => Promise<AuthClient>;
  readonly #explain: (error: unknown) => AppError;

  /** @param find throws AppError where there are none */
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

/** The application default credentials. They are looked for at each use until they are found, in files first: at most three seconds. */
export function defaultCredentials(project: string, scope: string): AuthClient {
  const auth = new GoogleAuth({ scopes: [scope], projectId: project });
  const find = async (): Promise<AuthClient> => {
    try {
      return await auth.getClient();
    } catch (error) {
      throw missing(error);
    }
  };
  return new Credentials(find, (error) =>
    refused(error, 'Google refused the application default credentials', () => 'Run gcloud auth application-default login again.'),
  );
}

/** Credentials without a key, in a task of ECS. */
export function federatedCredentials(federation: Federation, scope: string): AuthClient {
  const { audience, serviceAccount } = federation;
  const credentials = (): ReturnType<Federation['credentials']> => federation.credentials().catch(withoutAws);
  const client = federatedClient({ ...federation, credentials }, scope);
  return new Credentials(
    async () => client,
    (error) =>
      refused(error, "Google refused the identity of the task's AWS role", (url) =>
        url.includes(':generateAccessToken')
          ? `Grant the principals of the workload identity pool (WIF_AUDIENCE is ${audience}) the role Workload Identity User on ${serviceAccount}, and check GCP_SERVICE_ACCOUNT.`
          : `Check WIF_AUDIENCE (${audience}), and that the attribute condition of this workload identity provider admits the task's AWS role.`,
      ),
  );
}

/** The text of the cause may quote a key file: it is not shown. */
function missing(cause: unknown): AppError {
  const fromVariable = String((cause as { message?: unknown }).message).includes('GOOGLE_APPLICATION_CREDENTIALS');
  const message = fromVariable
    ? 'The file of GOOGLE_APPLICATION_CREDENTIALS holds no usable credentials. Point it to a file that does, or unset it and run gcloud auth application-default login.'
    : 'Found no Google credentials. Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS; in an ECS task, set WIF_AUDIENCE and GCP_SERVICE_ACCOUNT.';
  return new AppError('bigquery_refused', message, { cause, recovery: 'defer' });
}

function withoutAws(cause: unknown): never {
  const reason = foreignCode(cause) ?? (cause as { name?: string }).name ?? 'no reason given';
  const message = `Could not authenticate with Google: AWS did not provide the credentials of the task's role (${reason}). Check that the task definition has a task role.`;
  throw new AppError('bigquery_unavailable', message, { cause });
}

/** What a token service of Google's answers: OAuth's two texts, or the error of an API. */
interface TokenError {
  error?: string | { message?: string; status?: string };
  error_description?: string;
}

/** @param advice what to do, by the URL that refused */
function refused(error: unknown, what: string, advice: (url: string) => string): AppError {
  if (error instanceof AppError) return error;
  const { response, config } = error as { response?: { status?: number; data?: TokenError }; config?: { url?: unknown } };
  const doing = 'authenticate with Google';
  const status = response?.status;
  if (status === undefined || status === 429 || status >= 500) {
    const code = status === undefined ? (foreignCode(error) ?? 'no reason given') : `HTTP ${status}`;
    const message = `Could not ${doing}: its token service gave no answer (${code}).`;
    return new AppError('bigquery_unavailable', message, { cause: error });
  }
  const { error: told, error_description } = response?.data ?? {};
  const { code, message } =
    typeof told === 'object' ? { code: told.status, message: told.message } : { code: told, message: error_description };
  const sentence = failureSentence({ doing, what, code: code ?? `HTTP ${status}`, message, advice: advice(String(config?.url ?? '')) });
  return new AppError('bigquery_refused', sentence, { cause: error, recovery: 'defer' });
}
