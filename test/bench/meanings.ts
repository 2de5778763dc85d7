/** What a figure means, and the most that it may be; without a limit it is only reported. */
export interface Meaning {
  figure: string;
  most?: number;
}

/** All figures by name, in the order in which they are shown. */
export const MEANINGS: Record<string, Meaning> = {
  cpuVsPipe: { figure: 'CPU of the service to pass on 1M rows of 20 columns in 10 pages, over that of a bare pipe, both warm', most: 1.5 },
  coldCpuVsPipe: { figure: 'the same of the first 1M rows of a new process, whose code is not compiled yet' },
  cpuVsParse: { figure: 'the same, over that of reading every row (gunzip, csv-parse, JSON lines, gzip)', most: 1 / 15 },
  timeVsParse: { figure: 'time for it, over that of reading every row', most: 1 / 10 },
  rssGrowth: { figure: 'peak memory at 10M rows, over that at 1M', most: 1.1 },
  rssMb: { figure: 'peak memory at 10M rows, MB' },
  emptyCalls: { figure: 'Salesforce calls of an empty window', most: 1 },
  emptyJobs: { figure: 'BigQuery jobs of it', most: 0 },
  smallCalls: { figure: 'Salesforce calls of a window of 100 rows, describe cached', most: 3 },
  smallJobs: { figure: 'BigQuery jobs of it', most: 4 },
  wholeRows: { figure: 'rows of 51 columns imported through the whole service' },
  wholeRowsPerSecond: { figure: 'of them a second, with the work of the local Salesforce and BigQuery' },
  wholeCpu: { figure: "CPU seconds of the service's process for them" },
  largeRows: { figure: 'rows of 40 columns imported through the whole service, all counts equal' },
  largeSeconds: { figure: 'seconds for them, with the work of the local Salesforce and BigQuery' },
  largeCpu: { figure: "CPU seconds of the service's process" },
  largeRssMb: { figure: 'its peak memory, MB' },
  largeRssGrowth: { figure: 'its peak memory at the end, over that after a tenth of the time', most: 1.1 },
};
