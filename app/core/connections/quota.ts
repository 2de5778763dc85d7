/** Salesforce's count of an org's API calls in the last 24 hours, by all clients. */
export interface ApiUsage {
  used: number;
  limit: number;
}

/** What is known about an org's API limit. */
export interface Quota {
  /** calls by all processes of this service in the last 24 hours */
  ownCalls: number;
  /** undefined: Salesforce has not reported it recently */
  reported: ApiUsage | undefined;
}

/** Above this share, the remaining calls of an org are reserved for other clients. */
const ORG_SHARE = 0.9;

/** What sets the share of an org's calls: the configuration, or the connection. */
export type ShareSetting = 'API_SHARE' | 'api_share';

/** @param owner a connection, or a run of it */
export function settingOf(owner: { readonly apiShare?: number | null }): ShareSetting {
  return owner.apiShare == null ? 'API_SHARE' : 'api_share';
}

/** Explains which share of the quota is used up, and what to do; undefined if calls are available or the usage is unknown. */
export function quotaExhaustedMessage(
  { ownCalls, reported }: Quota,
  share: number,
  setting: ShareSetting = 'API_SHARE',
): string | undefined {
  if (!reported) return undefined;
  const { used, limit } = reported;
  const allowed = Math.floor(limit * share);
  if (ownCalls >= allowed) {
    return `This service has made ${ownCalls} of the org's ${limit} API calls in the last 24 hours, and its share is ${allowed} (${setting} ${share}). The import resumes when calls are available again. To resume sooner, raise ${setting} or ask Salesforce to raise the org's limit.`;
  }
  if (used >= limit * ORG_SHARE) {
    return `The org has used ${used} of its ${limit} API calls in the last 24 hours, ${ownCalls} of them by this service (${setting} ${share}). The rest is reserved for other clients. The import resumes when calls are available again. To resume sooner, find what else calls the org, or ask Salesforce to raise its limit.`;
  }
  return undefined;
}
