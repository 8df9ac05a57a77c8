import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {describe, expect, it} from "vitest";
import {loadProject, readProject} from "../../src/definitions/project.js";
import {ProblemsError} from "../../src/errors.js";
import {expectProblems, readFiles, readSound} from "./marked-project.js";

describe("a project", () => {
  it.each(["examples/recommender", "examples/online-retail"])("is what %s is", (root) => {
    const {project, problems} = readProject({root});
    expect(problems.all.map(({message}) => message)).toEqual([]);
    expect(project?.services.size).toBeGreaterThan(0);
  });

  it("reads folders and files from where it is told", () => {
    const view = "name: other\nentity: user\nsource: {path: x, timestamp_field: t}\nfields: []\n";
    const files = {
      "my/views/v.yaml": view,
      "my/services/s.yaml": "name: mine\nspine: {view: other}\n",
      "my/run.yaml": "day_workers: 9\n",
      "my/specs.yaml": "aggregation_specs: [{name: a, group_by: [user_id], operation: count, window_days: 1}]\n",
    };
    const project = readSound(files, {
      featureViewsDir: "my/views",
      featureServicesDir: "my/services",
      runtimeConfigPath: "my/run.yaml",
      aggregationConfigPath: "my/specs.yaml",
    });
    expect([...project.views.keys(), ...project.services.keys(), project.runtime.dayWorkers]).toEqual(["other", "mine", 9]);
    expect(project.aggregations.specs.map(({name}) => name)).toEqual(["a"]);
  });

  it("leaves other files alone", () => {
    const project = readSound({"feature_views/README.md": "- [", "feature_views/.hidden.yaml": "- [", "feature_services/a.yaml.bak": "- ["});
    expect([...project.views.keys()]).toEqual(["events", "items", "profile"]);
  });
});

describe("problems", () => {
  it("of all files come in one go, in the order of the files and their lines", () => {
    expectProblems(
      {
        "config/base.yaml": "x: «text»\nx2: «{}»\n",
        "config/training/runtime.yaml": "«day_worker»: 1\nfeature_refs: [«profile:nothing»]\nfeed_start: «2026»\n",
        "config/training/aggregations.yaml": "aggregation_specs: [{name: a, group_by: [user_id], operation: «cont», window_days: 7}]\n",
        "feature_views/a.yaml": "name: a\nentity: user\n«@»\n",
        "feature_views/b.yaml": "«»name: b\nsource: {«pth»: x}\nfields: []\n",
        "feature_services/ranking.yaml": "name: ranking\nspine: {view: «evnts»}\n«filter»: []\n",
      },
      [
        {code: "value-wrong", facts: {key: "x"}},
        {code: "value-wrong", facts: {key: "x2"}},
        {code: "key-unknown", facts: {key: "day_worker"}},
        {code: "reference-unknown", facts: {name: "profile:nothing"}},
        {code: "value-wrong", facts: {key: "feed_start"}},
        {code: "value-wrong", facts: {key: "operation"}},
        {code: "yaml-broken"},
        {code: "key-missing", facts: {key: "entity"}},
        {code: "key-unknown", facts: {key: "pth"}},
        {code: "reference-unknown", facts: {name: "evnts"}},
        {code: "key-unknown", facts: {key: "filter", nearest: "filters"}},
      ],
    );
  });

  it("that are warnings leave a project", () => {
    const {project, problems} = readFiles({"feature_views/items.yaml": "name: items\nentity: item\nttl: 1d\nsource: {path: x}\nfields: []\n"});
    expect(problems.map(({severity}) => severity)).toEqual(["warning"]);
    expect(project).toBeDefined();
  });

  it("that are errors leave none", () => {
    expect(readFiles({"config/base.yaml": "x: text\n"}).project).toBeUndefined();
  });

  it("are thrown together by those who cannot go on", () => {
    expect(() => loadProject({root: "examples/recommender", overrides: ["a=1", "day_workers=0"]})).toThrow(ProblemsError);
    expect(() => loadProject({root: "examples/recommender", overrides: ["a=1", "day_workers=0"]})).toThrow(/"a"[^]*"day_workers"/);
  });

  it.each([
    ["feature_views", "the folder of feature views"],
    ["feature_services", "the folder of feature services"],
  ])("are said of a missing folder %s, and not of all that refers to it", (folder, what) => {
    const root = mkdtempSync(join(tmpdir(), "daedalus-definitions-"));
    try {
      const other = folder === "feature_views" ? "feature_services" : "feature_views";
      mkdirSync(join(root, other));
      if (other === "feature_services") writeFileSync(join(root, other, "s.yaml"), "name: s\nspine: {view: events}\n");
      const {problems} = readProject({root});
      expect(problems.all).toMatchObject([{code: "file-missing", facts: {what, path: folder}, place: undefined}]);
    } finally {
      rmSync(root, {recursive: true});
    }
  });

  it("name what cannot be read", () => {
    const root = mkdtempSync(join(tmpdir(), "daedalus-definitions-"));
    try {
      // A folder in place of a file cannot be read by anyone, not even by an administrator.
      mkdirSync(join(root, "config/base.yaml"), {recursive: true});
      mkdirSync(join(root, "feature_views/a.yaml"), {recursive: true});
      writeFileSync(join(root, "feature_services"), "");
      const {problems} = readProject({root});
      expect(problems.all.map(({code, facts}) => [code, facts["path"], facts["reason"]])).toEqual([
        ["file-unreadable", "config/base.yaml", "illegal operation on a directory"],
        ["file-unreadable", "feature_views/a.yaml", "illegal operation on a directory"],
        ["file-unreadable", "feature_services", "not a directory"],
      ]);
    } finally {
      rmSync(root, {recursive: true});
    }
  });
});
