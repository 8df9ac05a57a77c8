/**
 * A YAML file as plain data that remembers where everything stood. Values are ours to prune: what validation refuses is taken
 * out so that the rest can still be checked, and places stay right because they are kept by object, not by path.
 */
import {isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type YAMLMap, type YAMLSeq} from "yaml";
import type {Place, Problems} from "../errors.js";
import {hideSecrets} from "./secrets.js";

interface Places {
  readonly key: Place;
  readonly value: Place;
}

/** A mapping or a list of a source file. */
export type Owner = Record<string, unknown> | unknown[];

type Range = readonly [start: number, end: number];

interface Entry {
  readonly key: Range;
  readonly value: Range;
  /** What a scalar looked like in the file: `0.0` is a float, `0` is not. */
  readonly text: string | undefined;
  /** Set for what did not come from the file. */
  readonly places?: Places;
}

export class SourceFile {
  readonly #counter = new LineCounter();
  readonly #entries = new WeakMap<Owner, Entry[] | Map<string, Entry>>();
  readonly #owners = new Map<Node, Owner>();
  readonly #lines: readonly string[];
  readonly #source: string;
  readonly #document: Document.Parsed;
  #root: unknown = {};
  #isBroken = false;
  #isIntact = true;

  /** Parses at once; syntax errors go to `problems`. */
  constructor(
    readonly path: string,
    text: string,
    problems: Problems,
  ) {
    this.#source = text.replace(/^\uFEFF/, "");
    this.#document = parseDocument(this.#source, {lineCounter: this.#counter, prettyErrors: false});
    this.#lines = hideSecrets(this.#source, this.#document).split(/\r\n|\n|\r/);
    this.#reportSyntax(problems);
    // Even of a broken file, what was understood is kept: its name tells which references to it are not in vain.
    if (this.#document.contents !== null) this.#root = this.#convert(this.#document.contents, problems) ?? {};
  }

  /** The root value: a mapping when the file is what it should be, `{}` when it is empty. */
  get value(): unknown {
    return this.#root;
  }

  /** True when the value is not worth checking. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** False when anything was reported, be it only a key that stands twice. */
  get isIntact(): boolean {
    return this.#isIntact;
  }

  /** Where the file begins, for problems of the file as a whole. */
  get start(): Place {
    return this.#placeAt(this.#document.contents?.range[0] ?? 0, 0);
  }

  /** The place of a value; of its key where the value is a block of lines or left empty. */
  place(owner: object, key: string | number): Place {
    const entry = this.#entry(owner, key);
    if (!entry) return this.start;
    if (entry.places) return entry.places.value;
    const [start, end] = entry.value[1] > entry.value[0] ? entry.value : entry.key;
    return this.#placeAt(start, end);
  }

  /** The place of a key. */
  keyPlace(owner: object, key: string | number): Place {
    const entry = this.#entry(owner, key);
    return entry?.places?.key ?? (entry ? this.#placeAt(...entry.key) : this.start);
  }

  /** How a scalar was written. */
  scalarText(owner: object, key: string | number): string | undefined {
    return this.#entry(owner, key)?.text;
  }

  /** Takes values out; list items close ranks and keep their places. */
  remove(owner: Owner, keys: ReadonlySet<string | number>): void {
    const entries = this.#entries.get(owner);
    if (Array.isArray(owner) && Array.isArray(entries)) {
      owner.splice(0, owner.length, ...owner.filter((_, index) => !keys.has(index)));
      entries.splice(0, entries.length, ...entries.filter((_, index) => !keys.has(index)));
    } else if (!Array.isArray(owner)) {
      for (const key of keys) Reflect.deleteProperty(owner, key);
    }
  }

  /** Puts in a value that came from elsewhere, as did everything inside it. */
  set(owner: Record<string, unknown>, key: string, value: unknown, places: Places): void {
    owner[key] = value;
    this.#remember(owner, key, places);
    this.#rememberInside(value, {key: places.value, value: places.value});
  }

  #rememberInside(value: unknown, places: Places): void {
    // An anchor may hold itself.
    if (typeof value !== "object" || value === null || this.#entries.has(value as Owner)) return;
    for (const [key, item] of Object.entries(value)) {
      this.#remember(value as Owner, key, places);
      this.#rememberInside(item, places);
    }
  }

  #remember(owner: Owner, key: string, places: Places): void {
    const entry: Entry = {key: [0, 0], value: [0, 0], text: undefined, places};
    const entries = this.#entries.get(owner) ?? (Array.isArray(owner) ? [] : new Map<string, Entry>());
    if (Array.isArray(entries)) entries[Number(key)] = entry;
    else entries.set(key, entry);
    this.#entries.set(owner, entries);
  }

  #entry(owner: object, key: string | number): Entry | undefined {
    const entries = this.#entries.get(owner as Owner);
    return Array.isArray(entries) ? entries[Number(key)] : entries?.get(String(key));
  }

  #reportSyntax(problems: Problems): void {
    const {errors, warnings} = this.#document;
    for (const {pos} of errors.filter(({code}) => code === "DUPLICATE_KEY")) {
      const key = /^[^\s:]+/.exec(this.#source.slice(pos[0]))?.[0] ?? "";
      this.#break(problems, `the key ${key} stands here twice`, [pos[0], pos[0] + key.length], "damaged");
    }
    // One broken line throws the parser off for the next ones: after the first, syntax errors are mostly echoes.
    const [first] = [...errors.filter(({code}) => code !== "DUPLICATE_KEY"), ...warnings];
    if (!first) return;
    const isSecondDocument = first.code === "MULTIPLE_DOCS";
    const lastStart = Math.max(0, this.#source.trimEnd().length - 1);
    const start = Math.min(first.pos[0], lastStart);
    const unquoted = findUnquoted(this.#source, start);
    if (unquoted) {
      this.#break(problems, `between brackets, ${this.#source.slice(...unquoted)} needs quotes around it`, unquoted, "broken");
    } else if (isSecondDocument) {
      this.#break(problems, "a file holds one document, and another begins here", [start, start + 3], "broken");
    } else {
      this.#break(problems, first.message, [start, Math.max(first.pos[1], start + 1)], "broken");
    }
  }

  #break(problems: Problems, reason: string, range: Range, how: "broken" | "damaged"): void {
    if (this.#isBroken) return;
    this.#isIntact = false;
    this.#isBroken = how === "broken";
    problems.add("yaml-broken", {reason}, this.#placeAt(...range));
  }

  #convert(node: Node, problems: Problems): unknown {
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target) return this.#convert(target, problems);
      this.#break(problems, `nothing is anchored as &${node.source}`, rangeOf(node), "broken");
      return undefined;
    }
    if (isScalar(node)) return node.value;
    const known = this.#owners.get(node);
    if (known) return known;
    if (isSeq(node)) return this.#convertList(node, problems);
    return isMap(node) ? this.#convertMapping(node, problems) : undefined;
  }

  #convertList(node: YAMLSeq, problems: Problems): unknown[] {
    const items: unknown[] = [];
    const entries: Entry[] = [];
    this.#owners.set(node, items);
    this.#entries.set(items, entries);
    for (const item of node.items as Node[]) {
      items.push(this.#convert(item, problems));
      entries.push({key: rangeOf(item), value: rangeOf(item), text: sourceText(item)});
    }
    return items;
  }

  #convertMapping(node: YAMLMap, problems: Problems): Record<string, unknown> {
    // Without a prototype, a key such as `__proto__` is a key like any other.
    const members = Object.create(null) as Record<string, unknown>;
    const entries = new Map<string, Entry>();
    this.#owners.set(node, members);
    this.#entries.set(members, entries);
    for (const {key, value} of node.items as {key: Node; value: Node | null}[]) {
      if (!isScalar(key)) {
        this.#break(problems, "a key must be plain text", rangeOf(key), "broken");
        continue;
      }
      const name = String(key.value);
      members[name] = value === null ? null : this.#convert(value, problems);
      const isBlock = value !== null && (isMap(value) || isSeq(value)) && value.flow !== true;
      entries.set(name, {
        key: rangeOf(key),
        value: value === null || isBlock ? [0, 0] : rangeOf(value),
        text: value === null ? undefined : sourceText(value),
      });
    }
    return members;
  }

  #placeAt(start: number, end: number): Place {
    const {line, col} = this.#counter.linePos(start);
    const text = this.#lines[line - 1] ?? "";
    const column = Math.min(col, text.length + 1);
    return {file: this.path, line, column, length: Math.max(1, Math.min(end - start, text.length - column + 1)), text};
  }
}

/** `dtype: BIGINT[]` and `key: ${NAME}` are fine in a block, and errors between brackets, where nobody expects it. */
function findUnquoted(source: string, position: number): Range | undefined {
  const lineStart = source.lastIndexOf("\n", position - 1) + 1;
  const [line = ""] = source.slice(lineStart).split("\n", 1);
  for (const {0: text, index} of line.matchAll(/[\w.]+\[\]|\$\{\w+\}/g)) {
    const start = lineStart + index;
    if (start < position && position < start + text.length) return [start, start + text.length];
  }
  return undefined;
}

function rangeOf(node: Node): Range {
  return node.range ? [node.range[0], node.range[1]] : [0, 0];
}

function sourceText(node: Node): string | undefined {
  return isScalar(node) && node.type === "PLAIN" ? node.source : undefined;
}
