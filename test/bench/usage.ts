import { readFileSync } from 'node:fs';

/** The resources that a process has used so far. */
export interface Usage {
  /** of all threads, in user and system mode */
  cpuSeconds: number;
  /** peak resident memory, in MB */
  peakMb: number;
}

/** What this process has used so far. */
export function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, peakMb: peakKb() / 1024 };
}

/** On Linux, a child's maxRSS includes its parent's memory at the fork. VmHWM is the process's own. */
function peakKb(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
