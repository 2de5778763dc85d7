/** An error of the token endpoint: HTTP 400 with `{"error", "error_description"}`. */
export class OAuthError extends Error {
  readonly code: string;

  constructor(code: string, description: string) {
    super(description);
    this.name = 'OAuthError';
    this.code = code;
  }
}
