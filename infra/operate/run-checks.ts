/** What is checked, and a function that returns its fault. */
export type Check = [check: string, run: () => Promise<string | undefined>];

/** The result of one check. */
export interface Finding {
  check: string;
  /** missing if the check passed */
  fault?: string;
}

/** Runs one check after the other. A check that throws is at fault, with the error's message. */
export async function runChecks(checks: Check[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [check, run] of checks) {
    const fault = await run().catch((error: Error) => error.message);
    findings.push(fault === undefined ? { check } : { check, fault });
  }
  return findings;
}
