/** Markup that needs no escaping. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | Html | readonly Html[] | undefined;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** A template of markup. It escapes every value that is not markup itself, for text and for quoted attributes; undefined becomes nothing. */
export function html(template: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(template.map((text, index) => text + markup(values[index])).join(''));
}

function markup(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'string') return value.replaceAll(/[&<>"']/g, (letter) => ENTITIES[letter]!);
  return value.map(({ text }) => text).join('');
}
