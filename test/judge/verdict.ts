const SHOWN = 40;

/** What the judge found. */
export class Verdict {
  statements = 0;
  expressions = 0;
  differences = 0;

  /** Counts a difference, and shows the first ones. */
  differs(what: string, how: string, where?: string): undefined {
    this.differences += 1;
    if (this.differences <= SHOWN) console.log(`judge: ${what}: ${how}${where ? `\n  ${shortened(where)}` : ''}`);
    if (this.differences === SHOWN) console.log('judge: more differences are only counted');
  }

  toString(): string {
    const counts = `${this.statements} statements analyzed, ${this.expressions} expressions evaluated`;
    return `judge: ${counts}, ${this.differences} differences`;
  }
}

const shortened = (text: string): string => (text.length > 600 ? `${text.slice(0, 600)} …` : text).replaceAll('\n', '\n  ');
