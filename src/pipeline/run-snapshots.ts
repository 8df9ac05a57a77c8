/** Snapshots of lakes and tables that a run is told to read: days of a backfill that are runs of their own, elsewhere, then see the same one. */
import type {View} from "../definitions/model.js";
import type {CheckedSource} from "./source-check.js";

/** View -> the number of a snapshot. */
export type RunSnapshots = ReadonlyMap<string, string>;

/** What the run chose for views that left the choice to it. */
export function chosenSnapshots(sources: Iterable<CheckedSource>): RunSnapshots {
  return new Map([...sources].flatMap(({view, source: {snapshot}}) => (snapshot === undefined || namesSnapshot(view) ? [] : [[view.name, String(snapshot)] as const])));
}

/** What a view says itself comes first. */
export function atSnapshot(view: View, snapshots: RunSnapshots | undefined): View {
  const snapshot = snapshots?.get(view.name);
  if (snapshot === undefined || namesSnapshot(view)) return view;
  return {...view, source: {...view.source, options: new Map([...view.source.options, ["snapshot", snapshot]])}};
}

const namesSnapshot = ({source: {options}}: View): boolean => options.has("snapshot") || options.has("as_of");
