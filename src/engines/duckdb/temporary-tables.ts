import {quoteName} from "../../sources/quote.js";
import type {SqlSession} from "../aggregation-engine.js";

/** Temporary tables of one run: whatever still stands is dropped at its end, also after an error. */
export class TemporaryTables {
  private readonly names = new Set<string>();

  constructor(private readonly session: SqlSession) {}

  async write(name: string, select: string): Promise<void> {
    this.names.add(name);
    await this.session.run(`CREATE TEMP TABLE ${quoteName(name)} AS\n${select}`);
  }

  async append(name: string, select: string): Promise<void> {
    await this.session.run(`INSERT INTO ${quoteName(name)}\n${select}`);
  }

  async drop(name: string): Promise<void> {
    await this.session.run(`DROP TABLE IF EXISTS temp.${quoteName(name)}`);
    this.names.delete(name);
  }

  async dropAll(): Promise<void> {
    for (const name of [...this.names]) await this.drop(name);
  }
}
