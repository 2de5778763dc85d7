import { isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument, type YAMLError, type YAMLMap } from 'yaml';
import type { FilePosition } from '../../core/jobs/sync-file.ts';
import { nearest } from '../../core/nearest.ts';

/** Something wrong with a file. */
export interface Fault extends FilePosition {
  /** what it is, and what to do */
  message: string;
}

/** A key of a map in the file, with its value. */
export interface Entry {
  key: string;
  keyNode: Node;
  /** null: the key has no value */
  value: Node | null;
}

type Node = ParsedNode;

const QUOTE = 'Quote a name that contains *, for example "*History".';

/** Reads YAML node by node, and collects what is wrong with it, so that all faults of a file are reported at once. */
export class FileReader {
  readonly root: Node | null;
  readonly #faults: Fault[] = [];
  readonly #lines = new LineCounter();
  readonly #known = new Set<string>();

  constructor(text: string) {
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    this.root = document.contents;
    for (const error of document.errors) this.#addFault(...this.#describe(error, text));
  }

  /** In the order of the file. */
  get faults(): Fault[] {
    return this.#faults.toSorted((left, right) => left.line - right.line || left.column - right.column);
  }

  fault(node: Node | null, message: string): void {
    this.#addFault(node?.range?.[0] ?? 0, message);
  }

  positionOf(node: Node): FilePosition {
    const { line, col } = this.#lines.linePos(node.range[0]);
    return { line, column: col };
  }

  /** The entries of a map. @param what it is, for messages: "defaults" */
  entries(node: Node | null, what: string, parent: Node | null = node): Entry[] {
    if (node === null || (isScalar(node) && node.value === null)) return [];
    if (!isMap(node)) {
      this.fault(node ?? parent, `${what} must contain keys with values, for example every: day.`);
      return [];
    }
    return (node as YAMLMap.Parsed).items.flatMap(({ key, value }) => {
      const name = this.#name(key);
      return name === undefined ? [] : [{ key: name, keyNode: key, value }];
    });
  }

  /** The entries of a map that may only have known keys, by key. */
  known(node: Node | null, what: string, keys: readonly string[]): Map<string, Entry> {
    const found = this.entries(node, what);
    for (const { key, keyNode } of found) {
      if (keys.includes(key)) continue;
      const meant = nearest(key, keys);
      this.fault(keyNode, `Unknown key ${JSON.stringify(key)}. ${meant ? `Did you mean ${meant}? ` : ''}${what} takes ${list(keys)}.`);
    }
    return new Map(found.filter(({ key }) => keys.includes(key)).map((entry) => [entry.key, entry]));
  }

  /** A value or a list of values, as texts; undefined: there is none, which is a fault. */
  texts({ key, keyNode, value }: Entry): string[] | undefined {
    const nodes = isSeq(value) ? (value.items as Node[]) : [value];
    const found = nodes.map((node) => this.#text(node));
    if (!found.includes(undefined)) return found as string[];
    const wrong = nodes[found.indexOf(undefined)] ?? null;
    if (isAlias(wrong)) this.fault(wrong, QUOTE);
    else if (wrong === null || isScalar(wrong)) this.fault(keyNode, `${key} has no value. Write one, or remove the key.`);
    else this.fault(wrong, `${key} must be a value or a list of values.`);
    return undefined;
  }

  #text(node: Node | null): string | undefined {
    if (!isScalar(node) || node.value === null) return undefined;
    return typeof node.value === 'number' ? (node.source ?? String(node.value)) : String(node.value);
  }

  #name(key: Node): string | undefined {
    if (isScalar(key) && key.value !== null) return this.#text(key);
    this.fault(key, isAlias(key) ? QUOTE : 'A key must be a name.');
    return undefined;
  }

  /** Where an error of the parser is, and what to do about it. */
  #describe({ code, message, pos: [offset] }: YAMLError, text: string): [offset: number, message: string] {
    const { line } = this.#lines.linePos(offset);
    // A key such as *History: looks like an alias to the parser, which fails on the next line.
    const unquoted = [line, line - 1].find((each) => /^\s*(- +)?\*\w/.test(text.slice(this.#lines.lineStarts[each - 1])));
    if (code === 'BAD_ALIAS') return [offset, QUOTE];
    if (code === 'DUPLICATE_KEY') return [offset, 'The same key occurs twice. Remove one of them.'];
    if (code === 'TAB_AS_INDENT') return [offset, 'The line is indented with a tab. Use spaces.'];
    if (unquoted !== undefined) return [this.#lines.lineStarts[unquoted - 1]!, QUOTE];
    const advice = 'Check the indentation and the quotes here and in the line before.';
    return [offset, `The file is not valid YAML: ${message.replace(/\.?$/, '.')} ${advice}`];
  }

  #addFault(offset: number, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    const known = `${line}:${col}`;
    // The first fault of a place explains the others.
    if (this.#known.has(known)) return;
    this.#known.add(known);
    this.#faults.push({ line, column: col, message });
  }
}

function list(keys: readonly string[]): string {
  return new Intl.ListFormat('en').format(keys);
}
