/** What the columns of a source look like: which tell whom a row is about, which say when, and which dtypes hold them. */
import {parseDtype, renderDtype, scalarNames, type Dtype, type ScalarName} from "../definitions/dtype.js";
import {isCompatible} from "./dtype-check.js";

export interface FoundColumn {
  readonly name: string;
  /** As DuckDB calls it. */
  readonly type: string;
}

export interface Wishes {
  /** Our name of the view. */
  readonly name: string;
  readonly entities?: readonly string[] | undefined;
  /** In the source's name. */
  readonly timestamp?: string | undefined;
}

export interface GuessedView {
  readonly entities: readonly string[];
  readonly joinKeys: readonly string[] | undefined;
  readonly timestampField: string | undefined;
  readonly fieldMapping: ReadonlyMap<string, string>;
  readonly fields: readonly {readonly name: string; readonly dtype: string}[];
  /** What was guessed or could not be, in words. */
  readonly notes: readonly string[];
}

/** `User Id` -> `user_id`, `eventTime` -> `event_time`. */
export function toViewName(text: string): string {
  const plain = text.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^_+|_+$/g, "");
  return /^[a-z]/.test(plain) ? plain : `view_${plain}`;
}

const isName = (text: string): boolean => /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/.test(text);
/** Names that are all capitals are a database's way of having none. */
const nameOf = (column: string): string => (isName(column) && /[a-z]/.test(column) ? column : toViewName(column));

/** The narrowest dtype that holds every value of the type. */
export function guessDtype(type: string): Dtype | undefined {
  const narrowFirst: readonly ScalarName[] = ["BOOLEAN", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP", "TEXT"];
  const isList = /\[\d*\]$/.test(type);
  const name = narrowFirst.find((candidate) => isCompatible(type, {kind: isList ? "list" : "scalar", name: candidate}));
  if (name !== undefined) return {kind: isList ? "list" : "scalar", name};
  return type === "JSON" ? parseDtype("TEXT") : undefined;
}

const isInstant = (type: string): boolean => type.startsWith("TIMESTAMP");
/** Best first: when something happened, then since when it is true, then when it was written. */
const timeNames = [/^event_(timestamp|time|at)$/, /^(timestamp|ts|at|time)$/, /^(occurred|happened)_at$/, /^valid_(from|at)$/, /^(effective|as_of)/, /^updated_at$/, /^created_at$/, /_at$/, /(time|timestamp|_ts)$/];
const endNames = /^(valid_to|valid_until|expires?_at|ended_at|end_time|deleted_at)$/;
const knownNames = /^(ingested|available|loaded|arrived|published|received)_at$/;

function rankTime({name, type}: FoundColumn): number {
  const ours = nameOf(name);
  const rank = timeNames.findIndex((pattern) => pattern.test(ours));
  const isLate = endNames.test(ours) || knownNames.test(ours);
  return (isInstant(type) ? 0 : 100) + (isLate ? 50 : 0) + (rank < 0 ? timeNames.length : rank);
}

function guessTime(columns: readonly FoundColumn[], wished: string | undefined, notes: string[]): string | undefined {
  const candidates = columns.filter(({name, type}) => isInstant(type) || (type === "DATE" && nameOf(name) !== "dt")).sort((a, b) => rankTime(a) - rankTime(b));
  const chosen = wished ?? candidates[0]?.name;
  if (chosen === undefined) notes.push("No column is a timestamp: the view is static, one row a key for all time. With --timestamp a DATE or TIMESTAMP column says when.");
  const others = candidates.filter(({name}) => name !== chosen).map(({name}) => name);
  if (wished === undefined && others.length > 0) notes.push(`"${chosen}" was taken for the instant of a row; ${words(others)} could be it as well (--timestamp).`);
  for (const name of others) {
    if (endNames.test(nameOf(name))) notes.push(`"${name}" may say when a row stops being true: then set time.valid_to to it.`);
    if (knownNames.test(nameOf(name))) notes.push(`"${name}" may say when a row became known: then set time.available_at to it, or rows count before anyone had them.`);
  }
  return chosen;
}

/** `products` -> `product`, `categories` -> `category`. */
const singular = (name: string): string => (name.endsWith("ies") ? `${name.slice(0, -3)}y` : name.endsWith("ss") ? name : name.replace(/s$/, ""));

interface GuessedKeys {
  readonly entities: readonly string[];
  /** Source column -> our name, in the order of the entities. */
  readonly keys: ReadonlyMap<string, string>;
}

const keyTypes: readonly string[] = ["INTEGER", "BIGINT", "TEXT"];

function guessKeys(columns: readonly FoundColumn[], {name, entities}: Wishes, hasTime: boolean, notes: string[]): GuessedKeys {
  const keyColumns = columns.filter(({type}) => {
    const dtype = guessDtype(type);
    return dtype?.kind === "scalar" && keyTypes.includes(dtype.name);
  });
  const find = (entity: string): string | undefined => keyColumns.find((column) => [entity, `${entity}_id`].includes(nameOf(column.name)))?.name ?? keyColumns.find((column) => nameOf(column.name) === "id")?.name;
  if (entities !== undefined) {
    const found = entities.flatMap((entity) => {
      const column = find(entity);
      if (column === undefined) notes.push(`No column looks like the key of entity "${entity}": name one in join_keys.`);
      return column === undefined ? [] : ([[column, `${entity}_id`]] as const);
    });
    return {entities, keys: new Map(found)};
  }
  const ids = keyColumns.filter((column) => /^.+_id$/.test(nameOf(column.name)));
  const ofName = ids.filter((column) => `_${name}_`.includes(`_${nameOf(column.name).slice(0, -3)}_`) || `_${name}_`.includes(`_${nameOf(column.name).slice(0, -3)}s_`));
  const own = keyColumns.find((column) => nameOf(column.name) === "id");
  const chosen = ofName.length > 0 ? ofName : ids.length > 0 && (own === undefined || hasTime) ? ids : [];
  if (chosen.length > 0) {
    const why = chosen.length === ids.length ? "every column that ends with _id" : "the columns that the view's name speaks of";
    notes.push(`Entities were guessed from ${why}: ${words(chosen.map((column) => column.name))} (--entity).`);
    return {entities: chosen.map((column) => nameOf(column.name).slice(0, -3)), keys: new Map(chosen.map((column) => [column.name, nameOf(column.name)]))};
  }
  const entity = singular(name);
  notes.push(own === undefined ? `No column looks like a key: the entity "${entity}" is the view's name. Set entity and join_keys.` : `"${own.name}" was taken for the key of entity "${entity}" (--entity).`);
  return {entities: [entity], keys: own === undefined ? new Map() : new Map([[own.name, `${entity}_id`]])};
}

/** Columns of the source in their order; `hiveKeys` are those that folders say. */
export function guessView(columns: readonly FoundColumn[], wishes: Wishes, hiveKeys: readonly string[] = []): GuessedView {
  const notes: string[] = [];
  const own = columns.filter(({name}) => !hiveKeys.includes(name));
  if (hiveKeys.length > 0) notes.push(`${words(hiveKeys)} of the folders' names was left out. Where it is the UTC day of the rows below it, options.day_partition spares the files of other days.`);
  const timestampField = guessTime(own, wishes.timestamp, notes);
  const {entities, keys} = guessKeys(own, wishes, timestampField !== undefined, notes);
  const fieldMapping = new Map<string, string>();
  const taken = new Map<string, string>();
  const fields: {name: string; dtype: string}[] = [];
  for (const {name, type} of own) {
    const ours = keys.get(name) ?? nameOf(name);
    const first = taken.get(ours);
    if (first !== undefined) {
      notes.push(`"${name}" was left out: "${first}" is called "${ours}" already.`);
      continue;
    }
    const dtype = guessDtype(type);
    if (dtype === undefined && name !== timestampField) {
      notes.push(`"${name}" was left out: no dtype holds ${type}. Cast it to one of ${scalarNames.join(", ")} in a query or where it is written.`);
      continue;
    }
    taken.set(ours, name);
    if (ours !== name) fieldMapping.set(name, ours);
    if (dtype !== undefined && !keys.has(name) && name !== timestampField) fields.push({name: ours, dtype: renderDtype(dtype)});
  }
  const given = [...keys.values()];
  const isUsual = given.length < entities.length || entities.every((entity, index) => given[index] === `${entity}_id`);
  return {entities, joinKeys: isUsual ? undefined : given, timestampField, fieldMapping, fields, notes};
}

const words = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
