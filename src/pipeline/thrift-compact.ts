/**
 * Thrift's compact protocol as a tree that keeps every wire type, so that a parquet footer read and written again says exactly
 * what it said. A reader that turns statistics into JavaScript values (microseconds into a Date, bytes into a string) would
 * write other bounds than it read, and row groups would be skipped wrongly.
 */

/** Field id -> value, in the order of the file. */
export type ThriftStruct = Map<number, ThriftValue>;

export type ThriftValue =
  | {readonly kind: "boolean"; readonly value: boolean}
  | {readonly kind: "byte" | "i16" | "i32"; readonly value: number}
  | {readonly kind: "i64"; readonly value: bigint}
  | {readonly kind: "double" | "binary"; readonly value: Uint8Array}
  | {readonly kind: "list" | "set"; readonly elementType: number; readonly items: readonly ThriftValue[]}
  | {readonly kind: "struct"; readonly fields: ThriftStruct};

const wire = {stop: 0, true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, set: 10, struct: 12} as const;

/** The struct that starts at the beginning of `bytes`; throws a RangeError when they end too early or make no sense. */
export function parseThriftStruct(bytes: Uint8Array): ThriftStruct {
  return new ThriftReader(bytes).struct();
}

/** The same with how many bytes it takes: what follows a page's header is only found by reading it. */
export function parseThriftHead(bytes: Uint8Array): {readonly fields: ThriftStruct; readonly byteCount: number} {
  const reader = new ThriftReader(bytes);
  return {fields: reader.struct(), byteCount: reader.offset};
}

export function renderThriftStruct(fields: ThriftStruct): Uint8Array {
  const writer = new ThriftWriter();
  writer.struct(fields);
  return writer.bytes();
}

export const i32 = (value: number): ThriftValue => ({kind: "i32", value});
export const i64 = (value: number | bigint): ThriftValue => ({kind: "i64", value: BigInt(value)});
export const text = (value: string): ThriftValue => ({kind: "binary", value: Buffer.from(value, "utf8")});
export const struct = (fields: readonly (readonly [number, ThriftValue])[]): ThriftValue => ({kind: "struct", fields: new Map(fields)});
export const structs = (items: readonly ThriftStruct[]): ThriftValue => ({
  kind: "list",
  elementType: wire.struct,
  items: items.map((fields) => ({kind: "struct", fields})),
});
export const i32s = (values: readonly number[]): ThriftValue => ({kind: "list", elementType: wire.i32, items: values.map(i32)});
export const texts = (values: readonly string[]): ThriftValue => ({kind: "list", elementType: wire.binary, items: values.map(text)});

/** An integer field of any width; undefined when it is absent. */
export function findInteger(fields: ThriftStruct, id: number): number | undefined {
  const value = fields.get(id);
  if (value?.kind === "i32" || value?.kind === "i16" || value?.kind === "byte") return value.value;
  return value?.kind === "i64" ? Number(value.value) : undefined;
}

export function findText(fields: ThriftStruct, id: number): string | undefined {
  const value = fields.get(id);
  return value?.kind === "binary" ? Buffer.from(value.value).toString("utf8") : undefined;
}

export function findStruct(fields: ThriftStruct, id: number): ThriftStruct | undefined {
  const value = fields.get(id);
  return value?.kind === "struct" ? value.fields : undefined;
}

/** The structs of a list field; empty when it is absent. */
export function listStructs(fields: ThriftStruct, id: number): ThriftStruct[] {
  const value = fields.get(id);
  if (value?.kind !== "list") return [];
  return value.items.flatMap((item) => (item.kind === "struct" ? [item.fields] : []));
}

class ThriftReader {
  offset = 0;

  constructor(private readonly source: Uint8Array) {}

  struct(): ThriftStruct {
    const fields: ThriftStruct = new Map();
    for (let id = 0; ; ) {
      const head = this.byte();
      const type = head & 15;
      if (type === wire.stop) return fields;
      id = head >> 4 === 0 ? this.zigzag() : id + (head >> 4);
      fields.set(id, this.value(type));
    }
  }

  private value(type: number): ThriftValue {
    switch (type) {
      case wire.true:
      case wire.false:
        return {kind: "boolean", value: type === wire.true};
      case wire.byte:
        return {kind: "byte", value: (this.byte() << 24) >> 24};
      case wire.i16:
        return {kind: "i16", value: this.zigzag()};
      case wire.i32:
        return {kind: "i32", value: this.zigzag()};
      case wire.i64: {
        const raw = this.varint();
        return {kind: "i64", value: (raw >> 1n) ^ -(raw & 1n)};
      }
      case wire.double:
        return {kind: "double", value: this.take(8)};
      case wire.binary:
        return {kind: "binary", value: this.take(Number(this.varint()))};
      case wire.list:
      case wire.set:
        return this.list(type === wire.list ? "list" : "set");
      case wire.struct:
        return {kind: "struct", fields: this.struct()};
      default:
        throw new RangeError(`unknown Thrift type ${type}`);
    }
  }

  private list(kind: "list" | "set"): ThriftValue {
    const head = this.byte();
    const elementType = head & 15;
    const length = head >> 4 === 15 ? Number(this.varint()) : head >> 4;
    if (length > this.source.length) throw new RangeError(`a Thrift list of ${length} elements`);
    // Inside a list a boolean is a byte of its own; it is kept as that byte.
    const isBoolean = elementType === wire.true || elementType === wire.false;
    const items: ThriftValue[] = [];
    for (let k = 0; k < length; k++) items.push(this.value(isBoolean ? wire.byte : elementType));
    return {kind, elementType, items};
  }

  private byte(): number {
    const byte = this.source[this.offset++];
    if (byte === undefined) throw new RangeError("the Thrift bytes end too early");
    return byte;
  }

  private take(length: number): Uint8Array {
    const end = this.offset + length;
    if (end > this.source.length) throw new RangeError("the Thrift bytes end too early");
    const bytes = this.source.subarray(this.offset, end);
    this.offset = end;
    return bytes;
  }

  private varint(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      result |= BigInt(byte & 127) << shift;
      if (byte < 128) return result;
    }
    throw new RangeError("a Thrift integer longer than 64 bits");
  }

  private zigzag(): number {
    const raw = this.varint();
    return Number((raw >> 1n) ^ -(raw & 1n));
  }
}

class ThriftWriter {
  private buffer = new Uint8Array(4096);
  private length = 0;

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  struct(fields: ThriftStruct): void {
    let last = 0;
    for (const [id, value] of [...fields].sort(([left], [right]) => left - right)) {
      const type = wireType(value);
      if (id - last <= 15) {
        this.byte(((id - last) << 4) | type);
      } else {
        this.byte(type);
        this.zigzag(BigInt(id));
      }
      this.value(value);
      last = id;
    }
    this.byte(wire.stop);
  }

  private value(value: ThriftValue): void {
    switch (value.kind) {
      case "boolean":
        return;
      case "byte":
        this.byte(value.value & 255);
        return;
      case "i16":
      case "i32":
        this.zigzag(BigInt(value.value));
        return;
      case "i64":
        this.zigzag(value.value);
        return;
      case "double":
        this.append(value.value);
        return;
      case "binary":
        this.varint(BigInt(value.value.length));
        this.append(value.value);
        return;
      case "list":
      case "set":
        this.byte((Math.min(value.items.length, 15) << 4) | value.elementType);
        if (value.items.length >= 15) this.varint(BigInt(value.items.length));
        for (const item of value.items) this.value(item);
        return;
      case "struct":
        this.struct(value.fields);
    }
  }

  private zigzag(value: bigint): void {
    this.varint(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
  }

  private varint(value: bigint): void {
    let rest = value;
    for (; rest > 127n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
    this.byte(Number(rest));
  }

  private byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  private append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + count));
    larger.set(this.bytes());
    this.buffer = larger;
  }
}

function wireType(value: ThriftValue): number {
  return value.kind === "boolean" ? (value.value ? wire.true : wire.false) : wire[value.kind];
}
