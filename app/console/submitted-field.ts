import { createHash } from 'node:crypto';

/** A field of a form, compared with what the form showed and with what is stored now. */
export interface SubmittedField {
  /** what was submitted; what is stored, if the operator did not change it */
  text: string;
  isChanged: boolean;
  /** whether another operator has changed it as well since the form was shown */
  isOvertaken: boolean;
}

/**
 * What a form contains of a field. Without the fingerprint of what it showed, every text that differs from what is stored is a change.
 * @param stored as the form would show it now
 */
export function readSubmittedField(fields: URLSearchParams, name: string, stored: string): SubmittedField {
  const text = fields.get(name)?.trim();
  const shown = fields.get(fieldName(name)) ?? fingerprint(stored);
  if (text === undefined || text === stored || fingerprint(text) === shown) {
    return { text: stored, isChanged: false, isOvertaken: false };
  }
  return { text, isChanged: true, isOvertaken: fingerprint(stored) !== shown };
}

/** The hidden field that carries what a form shows in another field, so that an old form does not undo what was stored since. */
export function shownField(name: string, shown: string): [name: string, value: string] {
  return [fieldName(name), fingerprint(shown)];
}

const fieldName = (name: string): string => `was_${name}`;

/** Short enough for an address. */
function fingerprint(text: string): string {
  return createHash('sha256').update(text.trim()).digest('base64url').slice(0, 16);
}
