/** An error that is sent to the client as Salesforce's `[{"errorCode", "message"}]`. */
export class SalesforceError extends Error {
  readonly status: number;
  readonly errorCode: string;
  /** Bulk endpoints print the code first, REST the message. */
  readonly codeFirst: boolean;

  constructor(status: number, errorCode: string, message: string, codeFirst = false) {
    super(message);
    this.name = 'SalesforceError';
    this.status = status;
    this.errorCode = errorCode;
    this.codeFirst = codeFirst;
  }

  get body(): object[] {
    const { errorCode, message } = this;
    return [this.codeFirst ? { errorCode, message } : { message, errorCode }];
  }
}

/** The error for an unknown object, job, record, version or path. */
export function notFoundError(): SalesforceError {
  return new SalesforceError(404, 'NOT_FOUND', 'The requested resource does not exist', true);
}

/** Salesforce's message for QUERY_TOO_COMPLICATED. */
export const TOO_COMPLICATED = 'Query is either selecting too many fields or the filter conditions are too complicated.';
