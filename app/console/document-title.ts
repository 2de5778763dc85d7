/** What a tab is called. @param attention how many things need a person */
export function documentTitle(title: string, attention: number): string {
  return `${attention > 0 ? `(${attention}) ` : ''}${title} · Salesforce → BigQuery`;
}
