/** The groups of the API in the order of its documentation, each with what it is about. */
export const GROUPS = {
  contract: 'Six calls connect an org, create jobs and run them on a schedule. They accept GET and POST, and respond with plain text.',
  'connect links': 'Links with which Salesforce admins, who need no API key, connect an org.',
  connections: 'The Salesforce users whose grants the service uses.',
  objects: "The objects of a connection's org, and what is known about importing them.",
  jobs: 'A job replicates one object of an org into one table.',
  repairs: 'Runs that import, compare or erase rows again. They never move the last_date of a job.',
  runs: 'The executions of jobs, with their receipts.',
  'sources for dbt': 'The tables as sources of a dbt project.',
  audit: 'What callers have changed.',
  releases: 'Which releases of the service run.',
  service: 'About the service itself. These calls need no API key.',
} as const;

export type Group = keyof typeof GROUPS;
