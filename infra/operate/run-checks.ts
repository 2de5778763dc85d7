/** What a check finds that an operator must know, but that stops nothing. */
export interface Warning {
  warning: string;
}

/** What is checked, and a function that returns its fault or a warning. */
export type Check = [check: string, run: () => Promise<string | Warning | undefined>];

/** The result of one check. */
export interface Finding {
  check: string;
  /** missing if the check passed */
  fault?: string;
  warning?: string;
}

/** Runs one check after the other. A check that throws is at fault, with the error's message. */
export async function runChecks(checks: Check[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [check, run] of checks) {
    const found = await run().catch((error: Error) => error.message);
    if (found === undefined) findings.push({ check });
    else findings.push(typeof found === 'string' ? { check, fault: found } : { check, ...found });
  }
  return findings;
}
