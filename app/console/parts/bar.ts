import { html, type Markup } from '../html.ts';

/** A horizontal bar. @param parts shares of the whole, from 0 to 1, from left to right @param label says the same in words */
export function bar(parts: readonly { share: number; kind?: 'own' | 'others' }[], label: string, isWarning = false): Markup {
  const starts = parts.map((_, index) => parts.slice(0, index).reduce((sum, { share }) => sum + share, 0));
  const percent = (share: number): string => `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(2)}%`;
  return html`<svg class=${`bar${isWarning ? ' warn' : ''}`} role="img" aria-label=${label}>
    ${parts.map(({ share, kind }, index) => html`<rect class=${kind} x=${percent(starts[index]!)} width=${percent(share)} height="6" rx="3" />`)}
  </svg>`;
}
