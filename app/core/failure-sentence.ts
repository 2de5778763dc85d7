import { redactMessage } from './redact.ts';

/** How a platform answered a call that failed. */
export interface PlatformFailure {
  /** what was being done, as a part of a sentence: "describe Account" */
  doing: string;
  /** who did what: "Salesforce refused it" */
  what: string;
  /** the platform's own code */
  code: string;
  /** the platform's own message, as it came */
  message?: string | undefined;
  /** what to do about it, as a sentence */
  advice?: string | undefined;
}

/** `Could not describe Account: Salesforce refused it (INVALID_FIELD): No such column 'X'. <advice>`, with values redacted. */
export function failureSentence({ doing, what, code, message, advice }: PlatformFailure): string {
  const said = redactMessage(message ?? '').replace(/[.:;, ]+$/, '');
  const sentence = `Could not ${doing}: ${what} (${code})${said && `: ${said}`}.`;
  return advice ? `${sentence} ${advice}` : sentence;
}
