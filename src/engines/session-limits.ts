/** What a session may use of the machine: `threads` and `memory_limit` of `compute.duckdb_config`, or DuckDB's defaults. */
import type {SqlSession} from "./aggregation-engine.js";

export interface SessionLimits {
  readonly threadCount: number;
  readonly memoryBytes: number;
}

export async function readLimits(session: Pick<SqlSession, "rows">): Promise<SessionLimits> {
  const [row] = await session.rows("SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory");
  return {threadCount: Number(row!["threads"]), memoryBytes: parseBytes(row!["memory"] as string)};
}

/** DuckDB renders a limit as `18.6 GiB`. */
function parseBytes(text: string): number {
  const [, number = "0", unit = "bytes"] = /^([\d.]+) (\w+)$/.exec(text) ?? [];
  return Number(number) * 1024 ** ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"].indexOf(unit);
}
