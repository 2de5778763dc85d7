import type * as z from 'zod';
import type { changeJson } from '../../http/endpoints/audit.ts';
import type { createdLinkJson, linkJson } from '../../http/endpoints/connect-links.ts';
import type { describedJson, listedJson } from '../../http/endpoints/list-objects.ts';
import type { suggestionJson } from '../../http/endpoints/suggest-field-policy.ts';
import type { versionJson } from '../../http/endpoints/version.ts';
import type { connectionJson, listedConnectionJson } from '../../http/schemas/connection.ts';
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
export type ObjectView = z.input<typeof listedJson>;
export type DescribedObjectView = z.input<typeof describedJson>;
export type ChangeView = z.input<typeof changeJson>;
export type VersionView = z.input<typeof versionJson>;
export type SuggestionView = z.input<typeof suggestionJson>;
export type ListedConnectionView = z.input<typeof listedConnectionJson>;
export type ConnectionView = z.input<typeof connectionJson>;
export type ConnectLinkView = z.input<typeof linkJson>;
export type CreatedLinkView = z.input<typeof createdLinkJson>;
