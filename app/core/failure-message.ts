import { redactMessage } from './redact.ts';

/** How a platform refused a call. */
export interface PlatformFailure {
  /** the attempted action, as a phrase: "describe Account" */
  doing: string;
  /** what happened: "Salesforce refused it" */
  what: string;
  /** the platform's error code */
  code: string;
  /** the platform's unredacted message */
  message?: string | undefined;
  /** what to do, as a sentence */
  advice?: string | undefined;
}

/** `Could not describe Account: Salesforce refused it (INVALID_FIELD): No such column 'X'. <advice>`, with values redacted. */
export function failureMessage({ doing, what, code, message, advice }: PlatformFailure): string {
  const redacted = redactMessage(message ?? '').replace(/[.:;, ]+$/, '');
  const sentence = `Could not ${doing}: ${what} (${code})${redacted && `: ${redacted}`}.`;
  return advice ? `${sentence} ${advice}` : sentence;
}
