/** Salesforce's count of an org's API calls in the last 24 hours, by all clients. */
export interface ApiUsage {
  used: number;
  limit: number;
}

/** What is known about an org's API limit. */
export interface Quota {
  /** calls by all processes of this service in the last 24 hours */
  ours: number;
  /** undefined: Salesforce has not reported it recently */
  told: ApiUsage | undefined;
}

/** Above this share, the remaining calls of an org are reserved for other clients. */
const ORG_SHARE = 0.9;

/** Why no call may be made now, as a sentence; undefined if calls are available or the usage is unknown. */
export function whyNoCall({ ours, told }: Quota, share: number): string | undefined {
  if (!told) return undefined;
  const { used, limit } = told;
  const allowed = Math.floor(limit * share);
  if (ours >= allowed) {
    return `This service has made ${ours} of the org's ${limit} API calls in the last 24 hours, and its share is ${allowed} (API_SHARE ${share}). The import resumes when calls are available again. To resume sooner, raise API_SHARE or ask Salesforce to raise the org's limit.`;
  }
  if (used >= limit * ORG_SHARE) {
    return `The org has used ${used} of its ${limit} API calls in the last 24 hours, ${ours} of them by this service (API_SHARE ${share}). The rest is reserved for other clients. The import resumes when calls are available again. To resume sooner, find what else calls the org, or ask Salesforce to raise its limit.`;
  }
  return undefined;
}
