/** The bucket that an output root names: how programs reach it, and the secret with which DuckDB reads there. */
import type {OutputStore} from "../definitions/model.js";
import {References, type Environment, type Owner} from "./environment.js";
import type {ExtensionName} from "./extensions.js";
import type {BucketAddress} from "./object-client.js";
import {renderStoreSecret, storeCredentials} from "./object-store.js";
import {getCredential, getOption} from "./source-options.js";
import {schemeOf} from "./source-kind.js";

export interface OutputBucket {
  /** The root as messages name it, without `/` at its end. */
  readonly location: string;
  /** Of all keys below the root, with `/` at its end; empty for a whole bucket. */
  readonly prefix: string;
  /** What a session needs to read there; a part of `Source`. */
  readonly extensions: readonly ExtensionName[];
  readonly setup: readonly string[];
  readonly secrets: readonly string[];
  /** Undefined: nobody named keys, so the machine's own are to be found. */
  readonly keys: BucketKeys | undefined;
  addressWith(keys: BucketKeys): BucketAddress;
}

export type BucketKeys = Pick<BucketAddress, "accessKeyId" | "secretAccessKey" | "sessionToken">;

export const isObjectStore = (outputRoot: string): boolean => ["s3", "r2"].includes(schemeOf(outputRoot) ?? "");

export function openOutputBucket(outputRoot: string, store: OutputStore, environment: Environment): OutputBucket {
  const owner: Owner = {name: '"output_store" of runtime.yaml', ...store};
  const references = new References(owner, environment);
  const location = references.resolve(outputRoot).replace(/\/+$/, "");
  const [, scheme = "", bucket = "", path = ""] = /^(\w+):\/\/([^/]+)\/?(.*)$/.exec(location) ?? [];
  const option = (name: string): string | undefined => getOption(owner, references, name);
  const isR2 = scheme.toLowerCase() === "r2";
  const region = option("region") ?? (isR2 ? "auto" : "us-east-1");
  const endpoint = option("endpoint") ?? (isR2 ? `${option("account_id") ?? ""}.r2.cloudflarestorage.com` : `s3.${region}.amazonaws.com`);
  const host = endpoint.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  const isPlain = option("use_ssl") === "false" || (option("use_ssl") === undefined && endpoint.startsWith("http://"));
  const isInPath = isR2 || option("url_style") === "path";
  const secret = renderStoreSecret(owner, `${location}/`, references);
  const [accessKeyId, secretAccessKey, sessionToken] = storeCredentials.map((name) => getCredential(owner, references, name));
  return {
    location,
    prefix: path === "" ? "" : `${path}/`,
    extensions: secret.extensions,
    setup: [secret.sql],
    secrets: references.secrets,
    keys: accessKeyId === undefined ? undefined : {accessKeyId, secretAccessKey: secretAccessKey!, sessionToken},
    addressWith: (keys) => ({
      ...keys,
      url: `${isPlain ? "http" : "https"}://${isInPath ? `${host}/${bucket}` : `${bucket}.${host}`}`,
      region,
      name: `${scheme}://${bucket}`,
    }),
  };
}
