import {existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {deflateRawSync, gzipSync} from "node:zlib";
import {describe, expect, it} from "vitest";
import {findExtensionFolder, installExtension, listExtensions, type ExtensionOptions} from "../../src/pipeline/extension-install.js";
import {findZipEntry} from "../../src/pipeline/zip-entry.js";
import {extensionDirectory, findMissingExtension, linkExtensions} from "../support/extensions.js";
import {runDaeda} from "../support/run-daeda.js";

const missing = await findMissingExtension("httpfs");
const missingIceberg = await findMissingExtension("iceberg");
const newFolder = (): string => mkdtempSync(join(tmpdir(), "daedalus-extensions-"));
/** No Python, so no wheels; DuckDB's own server is not asked by any of these tests that pass. */
const optionsOf = (directory: string): ExtensionOptions => ({config: new Map([["extension_directory", directory]]), environment: {DAEDALUS_PYTHON: "no-python-here"}});

/** A ZIP archive of one file, written as the format's specification has it. */
function zip(path: string, content: Buffer): Buffer {
  const data = deflateRawSync(content);
  const name = Buffer.from(path);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(data.length, 20);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + name.length + data.length, 16);
  return Buffer.concat([local, name, data, entry, name, end]);
}

describe("an archive", () => {
  it("gives the file asked for, and nothing where there is none", () => {
    const archive = zip("a/b.txt", Buffer.from("text"));
    expect(findZipEntry(archive, (path) => path === "a/b.txt")?.toString()).toBe("text");
    expect(findZipEntry(archive, () => false)).toBeUndefined();
    expect(findZipEntry(Buffer.from("no archive"), () => true)).toBeUndefined();
  });
});

describe.skipIf(missing !== undefined)(`extensions (skipped when the one for httpfs cannot be had: ${missing ?? "it can"})`, () => {
  const options = optionsOf(extensionDirectory);

  it("that are there ask nobody", async () => {
    expect(await installExtension("httpfs", options)).toMatchObject({name: "httpfs", from: "present"});
    const states = await listExtensions(options);
    expect(states.find(({name}) => name === "httpfs")).toMatchObject({state: "installed"});
  });

  it("come out of a folder as files, packed files and wheels, and load afterwards", async () => {
    const file = readFileSync(join(await findExtensionFolder(options), "httpfs.duckdb_extension"));
    const version = (await findExtensionFolder(options)).split("/").at(-2)!;
    const offline: Record<string, Buffer> = {
      "httpfs.duckdb_extension": file,
      [`${version}/linux_amd64/httpfs.duckdb_extension.gz`]: gzipSync(file, {level: 1}),
      [`duckdb_extension_httpfs-${version.slice(1)}-py3-none-any.whl`]: zip(`duckdb_extension_httpfs/extensions/${version}/httpfs.duckdb_extension`, file),
    };
    for (const [path, content] of Object.entries(offline)) {
      const [folder, target] = [newFolder(), newFolder()];
      mkdirSync(join(folder, path, ".."), {recursive: true});
      writeFileSync(join(folder, path), content);
      expect(await installExtension("httpfs", {...optionsOf(target), offlineFolder: folder})).toMatchObject({from: "folder"});
      expect(await installExtension("httpfs", optionsOf(target))).toMatchObject({from: "present"});
    }
  });

  it.skipIf(missingIceberg !== undefined)("bring what they stand on: Iceberg's the one for Avro", async () => {
    const target = newFolder();
    const offlineFolder = await findExtensionFolder(options);
    expect(await installExtension("iceberg", {...optionsOf(target), offlineFolder})).toMatchObject({from: "folder"});
    expect((await listExtensions(optionsOf(target))).filter(({state}) => state === "installed").map(({name}) => name)).toEqual(["avro", "iceberg"]);
  });

  it("that were changed are refused by their signature and leave nothing", async () => {
    const file = Buffer.from(readFileSync(join(await findExtensionFolder(options), "httpfs.duckdb_extension")));
    file.writeUInt8(file.readUInt8(file.length >> 1) ^ 1, file.length >> 1);
    const [folder, target] = [newFolder(), newFolder()];
    writeFileSync(join(folder, "httpfs.duckdb_extension"), file);
    const refused = installExtension("httpfs", {...optionsOf(target), offlineFolder: folder});
    await expect(refused).rejects.toMatchObject({code: "extension-missing", message: expect.stringMatching(/signature/i) as string});
    expect(existsSync(join(await findExtensionFolder(optionsOf(target)), "httpfs.duckdb_extension"))).toBe(false);
    expect(readdirSync(join(await findExtensionFolder(optionsOf(target)), "..")).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("that a folder does not hold are named with what was looked for", async () => {
    const refused = installExtension("httpfs", {...optionsOf(newFolder()), offlineFolder: newFolder()});
    await expect(refused).rejects.toMatchObject({code: "extension-missing", message: expect.stringContaining("httpfs.duckdb_extension") as string});
  });

  it("are listed, installed and found by the command line", async () => {
    const home = newFolder();
    linkExtensions(home);
    const run = (...args: string[]) => runDaeda(["extensions", ...args], {directory: home});
    const path = (await run("path")).stdout.trim();
    expect(path.startsWith(join(home, ".duckdb", "extensions"))).toBe(true);
    expect((await run("list")).stdout).toMatch(/httpfs +installed/);
    expect((await run("install", "httpfs")).stdout).toBe("httpfs: is there\n");
    const wrong = await run("install", "httpf");
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stderr).toContain('did you mean "httpfs"?');
  });
});
