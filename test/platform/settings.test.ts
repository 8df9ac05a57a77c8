import {chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterEach, beforeEach, describe, expect, it} from "vitest";
import {DaedalusError, ProblemsError, renderProblem} from "../../src/errors.js";
import {initSettings, parseSettings, readSettings, renderSettings, setSetting, settingDefaults, settingsPath} from "../../src/platform/settings.js";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "daedalus-settings-"));
  path = join(directory, "config.toml");
});
afterEach(() => rmSync(directory, {recursive: true, force: true}));

/** The problems of a settings file, whose bad key is marked «so». */
function findProblems(marked: string): {code: string; facts: Readonly<Record<string, unknown>>; isAtMark: boolean}[] {
  const text = marked.replaceAll(/[«»]/g, "");
  const lines = marked.split("\n");
  const line = lines.findIndex((candidate) => candidate.includes("«")) + 1;
  const column = (lines[line - 1] ?? "").indexOf("«") + 1;
  try {
    parseSettings(text, "config.toml");
  } catch (error) {
    const problems = error instanceof ProblemsError ? error.problems : [error as DaedalusError];
    return problems.map(({code, facts, place}) => ({code, facts, isAtMark: place?.line === line && place.column === column}));
  }
  return [];
}

describe("the place of the settings file", () => {
  it("is below the home folder, unless DAEDALUS_CONFIG says another", () => {
    expect(settingsPath({HOME: "/somewhere"})).toBe(join("/somewhere", ".daedalus", "config.toml"));
    expect(settingsPath({HOME: "/somewhere", DAEDALUS_CONFIG: "/else/team.toml"})).toBe("/else/team.toml");
    expect(settingsPath({HOME: "/somewhere", DAEDALUS_CONFIG: ""})).toBe(join("/somewhere", ".daedalus", "config.toml"));
  });
});

describe("reading settings", () => {
  it("gives the documented defaults where there is no file", () => {
    const settings = readSettings(path);
    expect(settings.values).toEqual({
      dagster_graphql_url: "http://localhost:3000/graphql",
      api_url: "http://localhost:8000",
      feature_views_dir: "feature_views",
      feature_services_dir: "feature_services",
      default_service: "dssm_ranking",
      output_root: "data/training_output",
    });
    expect(settings.isFilePresent).toBe(false);
    expect(settings.keysFromFile).toEqual(new Set());
  });

  it("takes what the file says and defaults for the rest", () => {
    writeFileSync(path, 'default_service = "ranking"\n"output_root" = \'/mnt/out\'\n');
    const settings = readSettings(path);
    expect(settings.values).toEqual({...settingDefaults, default_service: "ranking", output_root: "/mnt/out"});
    expect(settings.keysFromFile).toEqual(new Set(["default_service", "output_root"]));
  });

  it("prints as TOML that says the same, with where each value comes from", () => {
    writeFileSync(path, 'default_service = "ran\\"king"\n');
    const text = renderSettings(readSettings(path));
    expect(parseSettings(text, path)).toEqual({...settingDefaults, default_service: 'ran"king'});
    expect(text).toMatch(/^default_service = .* # file$/m);
    expect(text).toMatch(/^api_url = .* # default$/m);
  });

  it("names an unknown key, its place and the nearest known one", () => {
    const problems = findProblems('api_url = "http://a"\n«ouput_root» = "x"');
    expect(problems).toEqual([
      {code: "key-unknown", facts: {key: "ouput_root", nearest: "output_root", allowed: Object.keys(settingDefaults)}, isAtMark: true},
    ]);
  });

  it.each([
    ["a table", "[«colours»]\nred = 1"],
    ["a list of tables", "[[«colours»]]\nred = 1"],
    ["a dotted key", '«api.url» = "http://a"'],
  ])("takes %s for an unknown key", (_, marked) => {
    expect(findProblems(marked)).toMatchObject([{code: "key-unknown", isAtMark: true}]);
  });

  it.each([
    ["a number", "«output_root» = 3", "number"],
    ["a list", '«default_service» = ["a"]', "a table"],
    ["an empty text", '«default_service» = ""', "an empty one"],
    ["an address of another kind", '«api_url» = "ftp://a"', '"ftp://a"'],
    ["a text that is no address", '«api_url» = "localhost:8000"', '"localhost:8000"'],
  ])("refuses %s", (_, marked, found) => {
    expect(findProblems(marked)).toMatchObject([{code: "value-wrong", facts: {found}, isAtMark: true}]);
  });

  it("shows all problems of a file together, each with its line", () => {
    const problems = findProblems('«colour» = "red"\napi_url = 1\n');
    expect(problems.map(({code}) => code)).toEqual(["key-unknown", "value-wrong"]);
  });

  it.each([
    ["a value that is missing", "«api_url = "],
    ["a text without an end", 'api_url = "http://a«\n'],
    ["a key that is there twice", 'api_url = "http://a"\n«api_url = "http://b"'],
    ["a word that is no assignment", "output_root«"],
  ])("says where the TOML is broken: %s", (_, marked) => {
    expect(findProblems(marked)).toMatchObject([{code: "toml-broken", isAtMark: true}]);
  });

  it("puts the broken line into the message", () => {
    writeFileSync(path, 'api_url = "http://a"\noutput_root = \n');
    expect(() => readSettings(path)).toThrow(DaedalusError);
    try {
      readSettings(path);
    } catch (error) {
      const text = renderProblem(error as DaedalusError);
      expect(text).toContain(`${path}:2:`);
      expect(text).toContain("error toml-broken: the TOML is broken: expected value");
      expect(text).toContain("   2 | output_root =");
    }
  });

  it("says so when the file cannot be read", () => {
    expect(() => readSettings(directory)).toThrow(expect.objectContaining({code: "file-unreadable"}) as Error);
  });
});

describe("writing settings", () => {
  it("keeps comments, order, spacing and line ends", () => {
    writeFileSync(path, '# mine\r\n\r\noutput_root   = "x" # big disk\r\n# the service\r\ndefault_service = \'a\'\r\n');
    setSetting(path, {key: "output_root", value: "/mnt/big"});
    expect(readFileSync(path, "utf8")).toBe('# mine\r\n\r\noutput_root   = "/mnt/big" # big disk\r\n# the service\r\ndefault_service = \'a\'\r\n');
  });

  it("adds a key at the end", () => {
    writeFileSync(path, "# mine\ndefault_service = \"a\"\n");
    setSetting(path, {key: "api_url", value: "https://host/api"});
    expect(readFileSync(path, "utf8")).toBe('# mine\ndefault_service = "a"\napi_url = "https://host/api"\n');
  });

  it("makes the file, and the folder it is in, with that one key", () => {
    const nested = join(directory, "a", "b", "config.toml");
    setSetting(nested, {key: "default_service", value: 'q"uo\\te'});
    expect(readSettings(nested).values.default_service).toBe('q"uo\\te');
    expect(readSettings(nested).keysFromFile.size).toBe(1);
  });

  it("keeps the file's mode, leaves no second file, and follows a link", () => {
    const link = join(directory, "link.toml");
    writeFileSync(path, 'default_service = "a"\n');
    chmodSync(path, 0o600);
    symlinkSync(path, link);
    setSetting(link, {key: "default_service", value: "b"});
    expect(readSettings(path).values.default_service).toBe("b");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(directory).sort()).toEqual(["config.toml", "link.toml"]);
  });

  it("refuses an unknown key and a wrong value, and changes nothing", () => {
    writeFileSync(path, 'default_service = "a"\n');
    expect(() => setSetting(path, {key: "default_servise", value: "b"})).toThrow(
      expect.objectContaining({code: "key-unknown", hint: 'did you mean "default_service"?'}) as Error,
    );
    expect(() => setSetting(path, {key: "api_url", value: "nowhere"})).toThrow(expect.objectContaining({code: "value-wrong"}) as Error);
    expect(readFileSync(path, "utf8")).toBe('default_service = "a"\n');
  });

  it("does not touch a broken file", () => {
    writeFileSync(path, "default_service = \n");
    expect(() => setSetting(path, {key: "default_service", value: "b"})).toThrow(expect.objectContaining({code: "toml-broken"}) as Error);
    expect(readFileSync(path, "utf8")).toBe("default_service = \n");
  });

  it("begins with every key at its default, and overwrites only when forced", () => {
    initSettings(path, {isForced: false});
    expect(readSettings(path).values).toEqual(settingDefaults);
    setSetting(path, {key: "default_service", value: "mine"});
    expect(() => initSettings(path, {isForced: false})).toThrow(expect.objectContaining({code: "file-exists"}) as Error);
    expect(readSettings(path).values.default_service).toBe("mine");
    initSettings(path, {isForced: true});
    expect(readSettings(path).values.default_service).toBe("dssm_ranking");
  });

  it("says so when the place cannot be written to", () => {
    writeFileSync(path, "");
    expect(() => setSetting(join(path, "below-a-file.toml"), {key: "default_service", value: "b"})).toThrow(
      expect.objectContaining({code: expect.stringMatching(/^file-un(read|writ)able$/) as string}) as Error,
    );
  });
});
