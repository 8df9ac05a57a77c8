/** One DuckDB session for what tests themselves write and read: to open one costs more than most of its queries. */
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";

let opened: Promise<DuckDbSession> | undefined;

/** Nothing of it is made to last: tests read files that are written again within a moment, so it remembers none. */
export function testSession(): Promise<DuckDbSession> {
  opened ??= DuckDbSession.open({config: new Map([["threads", "1"], ["enable_external_file_cache", "false"]])}).then((session) => {
    process.once("exit", () => session.close());
    return session;
  });
  return opened;
}
