/** What a login in a browser led to, as its last page shows it. */
export type LoginResult =
  | {
      kind: 'connected';
      /** Salesforce's identity URL */
      userId: string;
      orgId: string;
      /** of the org's own address */
      host: string;
      scopes: string[];
    }
  | {
      kind: 'failed';
      /** Salesforce's own words, with values redacted; null: Salesforce did not refuse it */
      words: string | null;
      /** what happened and what to do, in sentences */
      message: string;
      /** the login host, where the user may start again; null: a link starts it again */
      loginUrl: string | null;
    };
