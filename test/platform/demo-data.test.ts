import {createHash} from "node:crypto";
import {existsSync, mkdtempSync, readFileSync, readdirSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join, resolve} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {writeDemoData, writeDemoProject} from "../../src/platform/demo-data.js";

const options = {seed: 11, days: 6, firstDay: "2026-03-02"};

/** Path below the folder -> sha256, for every file. */
function digestFiles(directory: string): Map<string, string> {
  const files = readdirSync(directory, {recursive: true, withFileTypes: true}).filter((entry) => entry.isFile());
  const paths = files.map((file) => join(file.parentPath, file.name)).sort();
  return new Map(paths.map((path) => [path.slice(directory.length), createHash("sha256").update(readFileSync(path)).digest("hex")]));
}

describe("the generated data", () => {
  let directory: string;
  let session: DuckDbSession;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "demo-data-"));
    await writeDemoData(join(directory, "first"), options);
    session = await DuckDbSession.open();
    const table = (path: string): string => `read_parquet('${join(directory, "first/data/mewtant", path)}/**/*.parquet')`;
    await session.run(`CREATE VIEW feed AS FROM ${table("feed")}`);
    await session.run(`CREATE VIEW profile AS FROM ${table("user/profile")}`);
    for (const name of ["properties", "aesthetic", "tack", "vector"]) await session.run(`CREATE VIEW ${name} AS FROM ${table(`artwork/${name}`)}`);
    await session.run(`CREATE VIEW vectors AS FROM ${table("siglip2_vectors")}`);
  });

  afterAll(() => {
    session.close();
    rmSync(directory, {recursive: true});
  });

  const count = async (query: string): Promise<number> => Number(Object.values((await session.rows(`SELECT count(*) FROM (${query})`))[0]!)[0]);

  it("is the same bytes for the same seed and different for another", async () => {
    await writeDemoData(join(directory, "again"), options);
    await writeDemoData(join(directory, "other"), {...options, seed: 12});
    const first = digestFiles(join(directory, "first"));
    const other = digestFiles(join(directory, "other"));
    expect(digestFiles(join(directory, "again"))).toEqual(first);
    expect([...other.keys()]).toEqual([...first.keys()]);
    expect([...other].filter(([path, digest]) => first.get(path) === digest)).toEqual([]);
  });

  it("has one feed partition a day, holding that day's events and no others", async () => {
    const days = readdirSync(join(directory, "first/data/mewtant/feed")).sort();
    expect(days).toEqual([2, 3, 4, 5, 6, 7].map((day) => `dt=2026-03-0${day}`));
    expect(await count("FROM feed WHERE strftime(event_timestamp, '%Y-%m-%d') <> dt")).toBe(0);
  });

  it("leaves nothing of an earlier, longer feed", async () => {
    const shrinking = join(directory, "shrinking");
    await writeDemoData(shrinking, {...options, days: 2});
    await writeDemoData(shrinking, {...options, days: 1});
    expect(readdirSync(join(shrinking, "data/mewtant/feed"))).toEqual(["dt=2026-03-02"]);
  });

  it("has ties within one instant, and no event twice", async () => {
    expect(await count("SELECT 1 FROM feed GROUP BY user_id, event_timestamp HAVING count(*) > 1")).toBeGreaterThan(100);
    const identity = "user_id, artwork_id, event_timestamp, event, seq";
    expect(await count(`SELECT 1 FROM feed GROUP BY ${identity} HAVING count(*) > 1`)).toBe(0);
  });

  it("shows an artwork only after it was published", async () => {
    expect(await count("FROM feed WHERE artwork_id IS NOT NULL")).toBeGreaterThan(5000);
    expect(await count("FROM feed ANTI JOIN properties ON feed.artwork_id = properties.artwork_id AND created_at < event_timestamp WHERE feed.artwork_id IS NOT NULL")).toBe(0);
  });

  it("changes users and artworks while the feed runs, so that the time of a join matters", async () => {
    expect(await count("SELECT 1 FROM profile WHERE updated_at >= TIMESTAMP '2026-03-02' GROUP BY user_id HAVING count(*) > 1")).toBeGreaterThan(100);
    expect(await count("SELECT 1 FROM aesthetic GROUP BY artwork_id HAVING count(DISTINCT aes_score) > 1")).toBeGreaterThan(100);
    expect(await count("SELECT 1 FROM tack GROUP BY artwork_id HAVING count(DISTINCT tack_ids) > 1")).toBeGreaterThan(100);
  });

  it("orders two profile versions of one instant by their version", async () => {
    expect(await count("SELECT 1 FROM profile GROUP BY user_id, updated_at HAVING count(*) > 1")).toBeGreaterThan(10);
    expect(await count("SELECT 1 FROM profile GROUP BY user_id, updated_at, version HAVING count(*) > 1")).toBe(0);
  });

  it("leaves gaps: NULLs, users without a profile, artworks without an embedding", async () => {
    for (const [column, table] of [["feed_session", "feed"], ["artwork_id", "feed"], ["followed_user_ids", "profile"], ["aes_score", "aesthetic"], ["tack_ids", "tack"], ["media_safety_score", "vector"]]) {
      expect(await count(`FROM ${table} WHERE ${column} IS NULL`), column).toBeGreaterThan(0);
    }
    expect(await count("FROM feed ANTI JOIN profile USING (user_id)")).toBeGreaterThan(0);
    expect(await count("FROM properties ANTI JOIN vectors ON id = artwork_id")).toBeGreaterThan(100);
  });

  it("has embeddings of 64 numbers that half floats hold exactly", async () => {
    expect(await count("FROM vectors")).toBeGreaterThan(2000);
    expect(await count("FROM vectors WHERE len(image_embedding) <> 64")).toBe(0);
    expect(await count("FROM (SELECT unnest(image_embedding) AS x FROM vectors) WHERE x * 1024 <> round(x * 1024) OR abs(x) >= 1")).toBe(0);
  });
});

describe("the generated project", () => {
  it("has a schema beside every YAML file, where the file's first line says", async () => {
    const directory = mkdtempSync(join(tmpdir(), "demo-project-"));
    try {
      await writeDemoProject(directory, {seed: 1, days: 1});
      const files = readdirSync(directory, {recursive: true, encoding: "utf8"}).filter((file) => file.endsWith(".yaml"));
      expect(files.length).toBeGreaterThan(10);
      for (const file of files) {
        const path = join(directory, file);
        const schema = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readFileSync(path, "utf8"))?.[1];
        expect(schema, file).toBeDefined();
        expect(existsSync(resolve(dirname(path), schema!)), file).toBe(true);
      }
    } finally {
      rmSync(directory, {recursive: true});
    }
  });
});
