import { readFileSync } from 'node:fs';

/** What a process has used so far. */
export interface Usage {
  /** of all its threads, in user and in system mode */
  cpuSeconds: number;
  /** the most memory that it held at once, in MB */
  peakMb: number;
}

/** Tells what this process has used so far. */
export function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, peakMb: peakKb() / 1024 };
}

/** Linux counts into a child's maxRSS what its parent held at the fork; VmHWM is the process's own. */
function peakKb(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
