/** Views, services and manifests as resources: documents that a client can attach to a conversation. Each is the answer of a method. */
import type {Resource, ResourceTemplate} from "@modelcontextprotocol/sdk/types.js";
import {DaedalusError} from "../../errors.js";
import type {MethodName, MethodResult} from "../method-schemas.js";
import {takePage, type PageParams} from "../page.js";

export type CallMethod = (method: MethodName, params: unknown) => Promise<unknown>;

const mimeType = "application/json";
const pageMax = 500;

export const resourceTemplates: ResourceTemplate[] = [
  {name: "view", uriTemplate: "daedalus://views/{name}", description: "Everything one view says, defaults filled in.", mimeType},
  {name: "service", uriTemplate: "daedalus://services/{name}", description: "The column contract of one service.", mimeType},
  {name: "manifest", uriTemplate: "daedalus://manifests/{service}/{day}", description: "What made one published day of a service, and what is in it; the day is YYYY-MM-DD.", mimeType},
];

/** Views and services by name; manifests are too many to list, and `partitions_list` names them. */
export async function listResources(call: CallMethod, cursor: string | undefined): Promise<{resources: Resource[]; nextCursor?: string | undefined}> {
  const [{views}, {services}] = (await Promise.all([call("catalog.list_views", {}), call("service.list", {})])) as [MethodResult<"catalog.list_views">, MethodResult<"service.list">];
  const all = [
    ...views.map(({name, description}) => describeResource("views", name, description)),
    ...services.map(({name, description}) => describeResource("services", name, description)),
  ];
  const {entries, next} = takePage(all, ({uri}) => uri, {limit: pageMax, cursor} satisfies PageParams);
  return {resources: [...entries], nextCursor: next ?? undefined};
}

function describeResource(kind: "views" | "services", name: string, description: string | undefined): Resource {
  return {uri: `daedalus://${kind}/${encodeURIComponent(name)}`, name, description, mimeType};
}

/** @throws DaedalusError `resource-unknown`, or what the method throws */
export async function readResource(call: CallMethod, uri: string): Promise<{contents: {uri: string; mimeType: string; text: string}[]}> {
  const [method, params] = parseUri(uri);
  return {contents: [{uri, mimeType, text: JSON.stringify(await call(method, params), null, 2)}]};
}

function parseUri(uri: string): [method: MethodName, params: object] {
  const [, kind, ...parts] = /^daedalus:\/\/(views|services|manifests)\/([^/?#]+)(?:\/([^/?#]+))?$/.exec(uri) ?? [];
  const [first, second] = parts.map((part) => (part as string | undefined) && decodePart(part));
  if (first !== undefined && second === undefined && kind === "views") return ["catalog.show_view", {name: first}];
  if (first !== undefined && second === undefined && kind === "services") return ["service.show", {name: first}];
  if (first !== undefined && second !== undefined && kind === "manifests") return ["partitions.show", {service: first, day: second}];
  throw DaedalusError.of("resource-unknown", {uri: uri.slice(0, 100)});
}

/** As it is written where it is no encoded text: no name is the same. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
