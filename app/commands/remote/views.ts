import type * as z from 'zod';
import type { detailedRunJson } from '../../http/schemas/detailed-run.ts';
import type { jobJson } from '../../http/schemas/job.ts';
import type { previewJson } from '../../http/schemas/preview.ts';
import type { runJson, runOfJobJson } from '../../http/schemas/run.ts';

/** What the service returns, as its API describes it. */
export type JobView = z.input<typeof jobJson>;
export type RunView = z.input<typeof runJson>;
export type RunOfJobView = z.input<typeof runOfJobJson>;
export type DetailedRunView = z.input<typeof detailedRunJson>;
export type PreviewView = z.input<typeof previewJson>;
