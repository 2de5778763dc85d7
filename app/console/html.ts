import htm from 'htm';
import { type ComponentChildren, h, type VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';

/** A piece of a page. */
export type Markup = VNode;

/** What may stand inside an element: null and undefined are nothing. */
export type Content = ComponentChildren;

type Template = (template: TemplateStringsArray, ...values: readonly unknown[]) => Markup;

/** A template of markup. It escapes every value that is not markup itself. */
// TypeScript takes the package's types to be those of a CommonJS module.
export const html = (htm as unknown as typeof htm.default).bind(h) as unknown as Template;

/** The text of a piece of a page. */
export function render(markup: Markup): string {
  return renderToString(markup);
}
