/** Small tasks written down by hand: cells that an edge doesn't name have a default, so that an edge shows what it is about. */
import type {Cell, Column, Row} from "./cells.js";
import type {TestTask, TestWindow} from "./oracle.js";

const historyTypes = {
  __ts: "BIGINT",
  user_id: "BIGINT",
  region: "VARCHAR",
  seq: "BIGINT",
  item: "BIGINT",
  maker: "BIGINT",
  small: "INTEGER",
  text: "VARCHAR",
  score: "DOUBLE",
  ratio: "FLOAT",
  flag: "BOOLEAN",
  day: "DATE",
  seen: "TIMESTAMP",
  tags: "BIGINT[]",
  words: "VARCHAR[]",
  scores: "DOUBLE[]",
  kept: "BOOLEAN",
  known: "BIGINT",
} as const;
const targetTypes = {__row: "BIGINT", viewer_id: "BIGINT", ...historyTypes} as const;

type HistoryCells = Partial<Record<keyof typeof historyTypes, Cell>>;
type TargetCells = Partial<Record<keyof typeof targetTypes, Cell>>;

export interface Edge extends Partial<TestWindow> {
  readonly history: readonly HistoryCells[];
  readonly target: readonly TargetCells[];
  /** Default: `user_id` on both sides. */
  readonly keys?: TestTask["keys"];
  /** Default: none, so that equal instants are ordered by the window's own value. */
  readonly orderColumns?: readonly string[];
  /** What the window holds, for each row of the target. */
  readonly gives: readonly Cell[];
}

const columnsOf = (types: Readonly<Record<string, string>>): Column[] => Object.entries(types).map(([name, type]) => ({name, type}));

function fill(types: Readonly<Record<string, string>>, defaults: Row, cells: Readonly<Record<string, Cell>>): Row {
  return {...Object.fromEntries(Object.keys(types).map((name) => [name, null])), ...defaults, ...cells};
}

/** The key is user 1, the row is at instant 100, the window is ten microseconds long, and every history row is kept. */
export function edgeTask(edge: Edge): TestTask {
  const {history, target, keys, orderColumns, gives: _, ...window} = edge;
  const defaults = {user_id: 1n, region: "eu", kept: true, known: 0n};
  return {
    history: {columns: columnsOf(historyTypes), rows: history.map((cells) => fill(historyTypes, defaults, cells))},
    target: {
      columns: columnsOf(targetTypes),
      rows: target.map((cells, at) => fill(targetTypes, {...defaults, __row: BigInt(at), __ts: 100n}, cells)),
    },
    keys: keys ?? [{target: "user_id", history: "user_id"}],
    orderColumns: orderColumns ?? [],
    windows: [
      {
        name: "found",
        operation: "list",
        value: window.operation === "count" ? undefined : window.operation === "flatten_distinct" ? "tags" : "item",
        elementType: "BIGINT",
        condition: undefined,
        pairCondition: undefined,
        windowUs: 10,
        maxItems: undefined,
        current: undefined,
        exclude: undefined,
        knownAt: undefined,
        ...window,
      },
    ],
  };
}

/** A history row: its instant and its item. */
export const at = (ts: number, item: number | null, more: HistoryCells = {}): HistoryCells => ({
  __ts: BigInt(ts),
  item: item === null ? null : BigInt(item),
  ...more,
});

/** A history row with a list. */
export const tagged = (ts: number, tags: readonly (number | null)[] | null, more: HistoryCells = {}): HistoryCells => ({
  __ts: BigInt(ts),
  tags: tags?.map((tag) => (tag === null ? null : BigInt(tag))) ?? null,
  ...more,
});
