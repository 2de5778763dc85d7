// Aliases and columns of our own start with an underscore, which no Salesforce field does: a table alias would hide a column of the same
// name, and BigQuery would refuse the statement.

/** A table's full name. */
export interface TableName {
  project: string;
  dataset: string;
  table: string;
}

/** A table's full name in backticks. */
export function quoteTable({ project, dataset, table }: TableName): string {
  return quoteName(`${project}.${dataset}.${table}`);
}

/** A name in backticks. Validated even though names come from Salesforce's describe and our own configuration. */
export function quoteName(name: string): string {
  if (!/^[A-Za-z0-9_.:-]+$/.test(name)) throw new RangeError(`invalid BigQuery name: ${JSON.stringify(name)}`);
  return `\`${name}\``;
}

/** Any column's name in backticks: a user may have chosen it. */
export function quoteAnyName(name: string): string {
  return `\`${name.replaceAll(/[\\`]/g, '\\$&')}\``;
}

/** A string literal. */
export function quoteText(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
