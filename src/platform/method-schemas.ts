/** What every method takes and gives, and what it takes to call it: the one source of types, checks, documents and hints to agents. */
import type {z} from "zod";
import {assetSchemas} from "./schemas/asset-schemas.js";
import {auditSchemas} from "./schemas/audit-schemas.js";
import {catalogSchemas} from "./schemas/catalog-schemas.js";
import type {Immutable, MethodSchema} from "./schemas/method-schema.js";
import {pipelineSchemas} from "./schemas/pipeline-schemas.js";
import {runSchemas} from "./schemas/run-schemas.js";

export const methodSchemas = {...catalogSchemas, ...pipelineSchemas, ...assetSchemas, ...runSchemas, ...auditSchemas} as const satisfies Record<string, MethodSchema>;

export type MethodName = keyof typeof methodSchemas;
export type MethodParams<M extends MethodName> = Immutable<z.infer<(typeof methodSchemas)[M]["params"]>>;
export type MethodResult<M extends MethodName> = Immutable<z.infer<(typeof methodSchemas)[M]["result"]>>;

export const methodNames = Object.keys(methodSchemas) as MethodName[];

export const isMethodName = (name: string): name is MethodName => Object.hasOwn(methodSchemas, name);
