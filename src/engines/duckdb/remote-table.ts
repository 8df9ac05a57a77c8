/** Rows that another database's client streams, as a table of the session: held one batch at a time, and on disk beyond the memory limit. */
import {quoteName} from "../../sources/quote.js";
import type {RemoteRows} from "../../sources/remote-tables.js";

interface Target {
  run(sql: string): Promise<void>;
  appendTexts(table: string, rows: readonly (readonly (string | null)[])[]): Promise<void>;
}

export async function fillRemoteTable(session: Target, name: string, {columns, batches}: RemoteRows): Promise<void> {
  const [table, texts] = [name, `${name}_texts`];
  await session.run(`CREATE TEMP TABLE ${quoteName(table)} (${columns.map((column) => `${quoteName(column.name)} ${column.type}`).join(", ")})`);
  await session.run(`CREATE TEMP TABLE ${quoteName(texts)} (${columns.map((_, index) => `c${index} VARCHAR`).join(", ")})`);
  try {
    for await (const rows of batches) {
      await session.appendTexts(texts, rows);
      await session.run(`INSERT INTO ${quoteName(table)} SELECT ${columns.map((column, index) => column.sql(`c${index}`)).join(", ")} FROM ${quoteName(texts)}`);
      await session.run(`TRUNCATE ${quoteName(texts)}`);
    }
  } catch (error) {
    await session.run(`DROP TABLE ${quoteName(table)}`);
    throw error;
  } finally {
    await session.run(`DROP TABLE ${quoteName(texts)}`);
  }
}
