import type { ApiKey } from '../config.ts';
import type { Context } from '../context.ts';
import type { Content, Markup } from './html.ts';
import type { SharedReads } from './live/shared-reads.ts';

/** Who uses the console: an API key, or the user of this machine. */
export type Caller = Pick<ApiKey, 'name' | 'role'>;

/** What the caller's role allows. */
export interface Permissions {
  /** to change anything: without it, no button is shown */
  operate: boolean;
  /** to see values of records */
  rows: boolean;
}

/** A request to a page. */
export interface Visit {
  context: Context;
  caller: Caller;
  can: Permissions;
  /** for the forms of the page */
  formToken: string;
  /** the page that it is for, below /console, for example /jobs: also of the page's live part */
  page: string;
  /** what a page reads once; the live parts of all pages share it */
  shared: SharedReads;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** of a POST */
  form: URLSearchParams;
  /** in real time */
  now: Date;
  /** The address of the service's pages. @throws AppError conflict if it is unknown */
  origin(): string;
  /** aborts when the connection closes, or when the session ends */
  closed: AbortSignal;
}

/** A page in the console's frame. */
export interface Page {
  title: string;
  /** what its tab is called, without how many things need a person; undefined: as the page */
  tab?: string;
  /** beside the title: a state, what the page is about, buttons */
  heading?: Content;
  body: Content;
}

/** A page with rows that take long: each is shown as soon as it is known, also without scripts. */
export interface SlowPage {
  title: string;
  heading?: Content;
  /** @param rows where they go */
  body(rows: Markup): Content;
  rows: AsyncIterable<Markup>;
}

/** A response to a form: another page, which shows the notice. */
export interface SeeOther {
  location: string;
  notice?: Notice;
}

/** What an action did, or why it did nothing, in a sentence. */
export interface Notice {
  kind: 'good' | 'bad';
  text: string;
}

/** Live content: the browser replaces an element's content with each piece. */
export interface Live {
  pieces: AsyncIterable<Markup>;
}

export type Reply = Page | SlowPage | SeeOther | Live;

/** A page of the console, what keeps a part of it current, or an action of its buttons. */
export interface Route {
  method: 'GET' | 'POST';
  /** below /console; a part that starts with a colon is a parameter */
  path: string;
  /** what the caller must be allowed to do; a POST requires `operate` by default */
  requires?: keyof Permissions;
  handle(visit: Visit): Promise<Reply>;
}
