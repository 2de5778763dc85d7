const MAX_SHOWN = 40;

/** Counts the results of the comparison. */
export class Verdict {
  statements = 0;
  expressions = 0;
  differences = 0;

  /** Counts a difference, and shows the first ones. */
  differs(what: string, how: string, where?: string): undefined {
    this.differences += 1;
    if (this.differences <= MAX_SHOWN) console.log(`conformance: ${what}: ${how}${where ? `\n  ${shortened(where)}` : ''}`);
    if (this.differences === MAX_SHOWN) console.log('conformance: further differences are counted but not shown');
  }

  toString(): string {
    const counts = `${this.statements} statements analyzed, ${this.expressions} expressions evaluated`;
    return `conformance: ${counts}, ${this.differences} differences`;
  }
}

const shortened = (text: string): string => (text.length > 600 ? `${text.slice(0, 600)} …` : text).replaceAll('\n', '\n  ');
