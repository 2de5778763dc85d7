/** What Salesforce says of an org's API calls in the last 24 hours, whoever made them. */
export interface ApiUsage {
  used: number;
  limit: number;
}

/** What is known of an org's allowance. */
export interface Quota {
  /** calls that this service made in the last 24 hours, in all its processes */
  ours: number;
  /** undefined: Salesforce has not said it lately */
  told: ApiUsage | undefined;
}

/** From here on, what is left of an org's allowance is for others. */
const ORG_SHARE = 0.9;

/** Why no call should be made now, as a sentence; undefined where there is room, or where only a call can tell. */
export function whyNoCall({ ours, told }: Quota, share: number): string | undefined {
  if (!told) return undefined;
  const { used, limit } = told;
  const allowed = Math.floor(limit * share);
  if (ours >= allowed) {
    return `Of the org's ${limit} API calls in 24 hours this service has made ${ours}, and its share is ${allowed} (API_SHARE ${share}): it goes on when there is room again. To go on sooner, raise API_SHARE or have Salesforce raise the org's limit.`;
  }
  if (used >= limit * ORG_SHARE) {
    return `Of the org's ${limit} API calls in 24 hours ${used} are made, ${ours} of them by this service (API_SHARE ${share}), and what is left is for others: it goes on when there is room again. To go on sooner, find what else calls the org, or have Salesforce raise its limit.`;
  }
  return undefined;
}
