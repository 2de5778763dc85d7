import { type Content, html, type Markup } from '../html.ts';

/** A step of the first run. */
export interface Step {
  title: string;
  text: Content;
  done: boolean;
  /** the buttons that lead to it; shown for the next step only */
  action?: Content;
}

/** The steps of the first run, of which the first that is not done comes next. */
export function checklist(steps: readonly Step[]): Markup {
  const next = steps.findIndex(({ done }) => !done);
  const done = steps.filter((step) => step.done).length;
  return html`<section class="card" aria-labelledby="first-run">
    <div class="toolbar"><b id="first-run">First run</b> <span class="sub">${done} of ${steps.length} steps done</span></div>
    <ol class="steps">
      ${steps.map((step, index) => {
        const kind = step.done ? 'done' : index === next ? 'next' : 'later';
        return html`<li class=${kind} aria-current=${kind === 'next' ? 'step' : undefined}>
          <span class="dot" aria-hidden="true">${step.done ? '✓' : index + 1}</span>
          <div><b>${step.title}</b>${step.done ? html`<span class="hidden"> (done)</span>` : null}${step.done ? null : html`<p>${step.text}</p>`}</div>
          ${kind === 'next' && step.action ? html`<div class="action">${step.action}</div>` : null}
        </li>`;
      })}
    </ol>
  </section>`;
}
