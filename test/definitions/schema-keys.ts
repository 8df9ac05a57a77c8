/** The keys of a JSON Schema, as a reader of the file sees them. */
export interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode | readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly default?: string | number | boolean;
}

export interface SchemaKey {
  /** `compute.engine`; for lists, `fields.name`. */
  readonly path: string;
  readonly node: SchemaNode;
  readonly isRequired: boolean;
  /** True for a key of one alternative among others. */
  readonly isChoice: boolean;
}

/** Every key that a schema declares. */
export function* keysOf(node: SchemaNode, prefix = "", isChoice = false): Generator<SchemaKey> {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const path = `${prefix}${key}`;
    yield {path, node: child, isRequired: node.required?.includes(key) ?? false, isChoice};
    yield* keysOf(child, `${path}.`, isChoice);
  }
  const others = typeof node.additionalProperties === "object" ? [node.additionalProperties] : [];
  for (const child of [node.items ?? [], others].flat()) yield* keysOf(child, prefix, isChoice);
  for (const child of node.anyOf ?? []) yield* keysOf(child, prefix, true);
}
