/** Tables of a database that DuckDB cannot ask: their rows come through a client of its own and are brought into the session. */
import {createHash} from "node:crypto";

export interface RemoteColumn {
  readonly name: string;
  /** DuckDB's. */
  readonly type: string;
  /** From a column of texts, as rows have it, to the type. */
  sql(text: string): string;
}

export interface RemoteRows {
  readonly columns: readonly RemoteColumn[];
  /** Rows as texts, one batch after another: whoever reads them holds one. Left early, the connection is closed. */
  readonly batches: AsyncIterable<readonly (readonly (string | null)[])[]>;
}

/** A session asks for a table when a statement first names it; a name stands for the query that makes it. */
export class RemoteTables {
  private readonly queries = new Map<string, string>();

  constructor(
    /** Where the queries run, so that two databases do not share a name. */
    private readonly place: string,
    private readonly ask: (query: string) => Promise<RemoteRows>,
  ) {}

  /** The table of the query's rows, for a FROM clause. */
  nameOf(query: string): string {
    const name = `remote_${createHash("sha256").update(`${this.place}\n${query}`).digest("hex").slice(0, 16)}`;
    this.queries.set(name, query);
    return name;
  }

  /** Undefined: the table is none of these. */
  find(name: string): (() => Promise<RemoteRows>) | undefined {
    const query = this.queries.get(name);
    return query === undefined ? undefined : () => this.ask(query);
  }
}

/** Names of such tables in a statement. */
export const remoteNames = (sql: string): readonly string[] => sql.match(/\bremote_[0-9a-f]{16}\b/g) ?? [];
