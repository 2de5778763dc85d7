/** What a figure means, and its upper or lower limit. A figure without one is only reported. */
export interface Meaning {
  figure: string;
  max?: number;
  min?: number;
}

/** All figures by name, in display order. */
export const MEANINGS: Record<string, Meaning> = {
  cpuVsPipe: { figure: 'CPU of the service ÷ CPU of a bare pipe, forwarding 1M rows of 20 columns in 10 pages, both warm', max: 1.05 },
  coldCpuVsPipe: { figure: 'the same for the first 1M rows of a new process, before its code is compiled', max: 1.25 },
  cpuVsTunedPipe: { figure: "CPU of the service ÷ CPU of a bare pipe with the service's V8 settings" },
  cpuVsParse: { figure: 'CPU of the service ÷ CPU of parsing every row (gunzip, csv-parse, JSON lines, gzip)', max: 1 / 15 },
  timeVsParse: { figure: 'time of the service ÷ time of parsing every row', max: 1 / 10 },
  rssGrowth: { figure: 'peak memory at 10M rows ÷ peak memory at 1M rows', max: 1.1 },
  rssMb: { figure: 'peak memory at 10M rows, MB' },
  startSeconds: { figure: 'seconds from the start of the process, of production files only, until it accepts requests', max: 1 },
  idleRssMb: { figure: 'memory of that process after 20 idle seconds, MB', max: 120 },
  emptyCalls: { figure: 'Salesforce calls of an empty window, five due together', max: 0.2 },
  smallCalls: { figure: 'Salesforce calls of a window of 100 rows, five due together, with a cached describe', max: 1.2 },
  emptyCallsAlone: { figure: 'Salesforce calls of an empty window due alone', max: 1 },
  emptyJobs: { figure: 'BigQuery jobs of an empty window', max: 0 },
  smallCallsAlone: { figure: 'Salesforce calls of a window of 100 rows due alone, with a cached describe', max: 3 },
  smallJobs: { figure: 'BigQuery jobs of a window of 100 rows', max: 2 },
  smallBilledMb: { figure: 'what BigQuery bills for it, MiB', max: 20 },
  tickP50Ms: { figure: 'median response time of three overlapping ticks, with 10,000 active jobs and busy workers, ms' },
  tickP99Ms: { figure: '99th percentile of the same', max: 300 },
  tickAllDueMs: { figure: 'response time of a tick for which all 10,000 jobs are due, ms', max: 5_000 },
  windowsPerMinute: { figure: 'empty windows that two processes import per minute, including the work of the emulators', min: 4_000 },
  emptyWindowCpuMs: { figure: "CPU of the service's processes per empty window, ms" },
  wholeRows: { figure: 'rows of 51 columns imported through the whole service' },
  wholeRowsPerSecond: { figure: 'rows per second, including the work of the local Salesforce and BigQuery' },
  wholeCpu: { figure: "CPU seconds of the service's process" },
  rebuildRows: { figure: 'rows of 40 columns of which a table was rebuilt, all counts equal' },
  rebuildRowsPerSecond: { figure: 'rows per second, including the work of the local Salesforce and BigQuery' },
  rebuildCpu: { figure: "CPU seconds of the service's process during the rebuild" },
  rebuildCpuVsPipe: { figure: 'CPU of the rebuild ÷ CPU of a bare pipe, forwarding as many rows of as many columns, warm' },
  sweepRows: { figure: 'rows that a sweep compared with the table, all equal' },
  sweepSeconds: { figure: 'seconds, including the work of the local Salesforce and BigQuery' },
  sweepCpu: { figure: "CPU seconds of the service's process" },
  sweepCpuVsPipe: { figure: 'CPU of the sweep ÷ CPU of a bare pipe, forwarding as many rows of as many columns, warm' },
  objectsJobs: { figure: 'jobs of an org with as many objects, set up by one file and imported through the whole service' },
  objectsSetupSeconds: { figure: 'seconds that apply took, including the work of the local Salesforce' },
  objectsSetupCalls: { figure: 'Salesforce calls of apply, per job', max: 3 },
  objectsImportSeconds: { figure: 'seconds until all were imported, including the work of the local Salesforce and BigQuery' },
  objectsImportCalls: { figure: 'Salesforce calls of the imports, per job', max: 3 },
  objectsCpu: { figure: "CPU seconds of the service's process, for both" },
  objectsRepeatedSeconds: { figure: 'seconds of another apply, which finds nothing to change' },
  largeRows: { figure: 'rows of 40 columns imported through the whole service, all counts equal' },
  largeSeconds: { figure: 'seconds, including the work of the local Salesforce and BigQuery' },
  largeCpu: { figure: "CPU seconds of the service's process" },
  largeRssMb: { figure: "peak memory of the service's process, MB" },
  largeRssGrowth: { figure: 'peak memory at the end ÷ peak memory after a tenth of the time', max: 1.1 },
};
