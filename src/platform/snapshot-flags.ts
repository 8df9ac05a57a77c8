/** `--snapshot prices=41`: what a run tells the runs that make its days to read of lakes and tables. */
import type {Project} from "../definitions/model.js";
import {DaedalusError} from "../errors.js";
import type {RunSnapshots} from "../pipeline/run-snapshots.js";
import {getView} from "./catalog.js";

export function parseSnapshots(values: readonly string[], project: Project): RunSnapshots {
  return new Map(
    values.map((value) => {
      const [, name, snapshot] = /^([^=]+)=(\d{1,19})$/.exec(value) ?? [];
      if (name === undefined || snapshot === undefined) throw DaedalusError.of("flag-wrong", {flag: "snapshot", value, expected: "--snapshot with a view and a number, such as prices=41"});
      return [getView(project, name).name, snapshot];
    }),
  );
}

export const renderSnapshots = (snapshots: RunSnapshots): readonly string[] => [...snapshots].flatMap(([name, snapshot]) => ["--snapshot", `${name}=${snapshot}`]);
