import type { Context } from 'koa';
import { USER_ZONE, USERNAME } from '../objects/user.ts';
import type { Parts } from '../parts.ts';
import { queryParameter, replyJson } from '../rest/reply.ts';

/** The identity URL of the connecting user: the last two segments are org id and user id. */
export function identityUrl({ org, urls }: Parts): string {
  return `${urls.login}/id/${org.id}/${org.users[0]}`;
}

/** GET of the identity URL. Its errors are 403 and 404 with plain text. */
export function identity(context: Context, parts: Parts, requested: Requested): void {
  if (mayRead(context, parts, requested)) replyJson(context, identityReply(parts, queryParameter(context, 'version')));
}

/** The same as OpenID Connect claims, on the instance host. */
export function userinfo(context: Context, parts: Parts): void {
  const [user] = parts.org.users;
  if (!mayRead(context, parts, { org: parts.org.id, user })) return;
  replyJson(context, {
    sub: identityUrl(parts),
    user_id: user,
    organization_id: parts.org.id,
    preferred_username: USERNAME,
    name: 'Integration User',
    email: 'integration@example.com',
    zoneinfo: USER_ZONE,
    urls: serviceUrls(parts, undefined),
    active: true,
    user_type: 'STANDARD',
    updated_at: '2022-01-01T00:00:00Z',
  });
}

interface Requested {
  org?: string | undefined;
  user?: string | undefined;
}

function mayRead(context: Context, parts: Parts, requested: Requested): boolean {
  const [status, refusal] = refusalOf(parts, requested, bearerToken(context) ?? queryParameter(context, 'oauth_token'));
  if (status === 200) return true;
  context.status = status;
  context.body = refusal;
  return false;
}

function refusalOf({ org, grants }: Parts, requested: Requested, token: string | undefined): [number, string] {
  if (!token) return [403, 'Missing_OAuth_Token'];
  if (!grants.session(token)) return [403, 'Bad_OAuth_Token'];
  if (requested.org?.slice(0, 15) !== org.id.slice(0, 15)) return [403, 'Wrong_Org'];
  if (requested.user?.slice(0, 15) !== org.users[0]?.slice(0, 15)) return [404, 'Bad_Id'];
  return [200, ''];
}

export function bearerToken(context: Context): string | undefined {
  return /^(?:Bearer|OAuth) (.+)$/i.exec(context.get('Authorization'))?.[1];
}

function identityReply(parts: Parts, version: string | undefined): object {
  const { org, urls } = parts;
  return {
    id: identityUrl(parts),
    asserted_user: true,
    user_id: org.users[0],
    organization_id: org.id,
    username: USERNAME,
    nick_name: 'integration',
    display_name: 'Integration User',
    email: 'integration@example.com',
    email_verified: true,
    first_name: 'Integration',
    last_name: 'User',
    timezone: USER_ZONE,
    photos: { picture: `${urls.instance}/profilephoto/005/F`, thumbnail: `${urls.instance}/profilephoto/005/T` },
    addr_street: null,
    addr_city: null,
    addr_state: null,
    addr_country: 'DE',
    addr_zip: null,
    mobile_phone: null,
    mobile_phone_verified: false,
    status: { created_date: null, body: null },
    urls: serviceUrls(parts, version),
    active: true,
    user_type: 'STANDARD',
    language: 'en_US',
    locale: 'de_DE_EURO',
    utcOffset: 3_600_000,
    last_modified_date: '2022-01-01T00:00:00Z',
    is_app_installed: true,
  };
}

function serviceUrls({ org, urls }: Parts, version: string | undefined): Record<string, string> {
  const named = version === undefined ? '{version}' : version === 'latest' ? '66.0' : version;
  const rest = `${urls.instance}/services/data/v${named}/`;
  const soap = `${urls.instance}/services/Soap`;
  const shortOrg = org.id.slice(0, 15);
  return {
    enterprise: `${soap}/c/${named}/${shortOrg}`,
    metadata: `${soap}/m/${named}/${shortOrg}`,
    partner: `${soap}/u/${named}/${shortOrg}`,
    rest,
    sobjects: `${rest}sobjects/`,
    search: `${rest}search/`,
    query: `${rest}query/`,
    recent: `${rest}recent/`,
    tooling_soap: `${soap}/T/${named}/${shortOrg}`,
    tooling_rest: `${rest}tooling/`,
    profile: `${urls.instance}/${org.users[0]}`,
    feeds: `${rest}chatter/feeds`,
    groups: `${rest}chatter/groups`,
    users: `${rest}chatter/users`,
    feed_items: `${rest}chatter/feed-items`,
    feed_elements: `${rest}chatter/feed-elements`,
    custom_domain: urls.instance,
  };
}
