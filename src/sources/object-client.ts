/** Objects of one bucket, written and read: what DuckDB has no statement for. Lost requests are sent again a few times. */
import {createHash} from "node:crypto";
import {createWriteStream} from "node:fs";
import {open} from "node:fs/promises";
import {Readable} from "node:stream";
import {pipeline} from "node:stream/promises";
import {setTimeout as sleep} from "node:timers/promises";
import {AwsClient} from "aws4fetch";
import {DaedalusError} from "../errors.js";

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
}

export interface BucketAddress {
  /** What keys are written after, with the bucket in it and without `/` at its end. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  /** As messages name it: `s3://bucket`. */
  readonly name: string;
}

/** What must hold of an object for it to be written: that there is none, or that it is still this one. */
export type Condition = {readonly isAbsent: true} | {readonly etag: string};

interface Asked {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Answers that are no failure. */
  readonly accepted?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** A store takes 10,000 parts at most, so files of up to 160 GB. */
const partBytes = 16 << 20;
const partsAtOnce = 4;
const waitsMs = [200, 800, 2500];
/** Without any byte for as long, a request counts as lost. */
const requestMsMax = 120_000;

export class ObjectClient {
  private readonly signer: AwsClient;

  constructor(private readonly address: BucketAddress) {
    const {accessKeyId, secretAccessKey, sessionToken, region} = address;
    this.signer = new AwsClient({accessKeyId, secretAccessKey, ...(sessionToken !== undefined && {sessionToken}), region, service: "s3"});
  }

  /** All objects below the prefix, by key. */
  async list(prefix: string): Promise<readonly StoredObject[]> {
    const found: StoredObject[] = [];
    let token: string | undefined;
    do {
      const query = {"list-type": "2", prefix, ...(token !== undefined && {"continuation-token": token})};
      const page = await (await this.ask({method: "GET", key: "", query})).text();
      for (const [, entry = ""] of page.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        found.push({key: readTag(entry, "Key")!, bytes: Number(readTag(entry, "Size")), etag: readTag(entry, "ETag")!});
      }
      token = readTag(page, "NextContinuationToken");
    } while (token !== undefined);
    return found;
  }

  /** Undefined where there is no such object. */
  async read(key: string): Promise<{readonly text: string; readonly etag: string} | undefined> {
    const response = await this.ask({method: "GET", key, accepted: [404]});
    // A bucket that is not there is no missing object.
    if (response.status === 404) return await explainAbsence(response, this.nameOf(key));
    return {text: await response.text(), etag: response.headers.get("etag") ?? ""};
  }

  async download(key: string, path: string, signal?: AbortSignal): Promise<void> {
    const response = await this.ask({method: "GET", key, signal});
    await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(path), {...(signal && {signal})});
  }

  /** False when the condition does not hold, so that nothing was written. */
  async write(key: string, text: string, condition?: Condition, signal?: AbortSignal): Promise<boolean> {
    const headers: Record<string, string> = condition === undefined ? {} : "etag" in condition ? {"if-match": condition.etag} : {"if-none-match": "*"};
    // Of an object that is gone a store may say 404 instead of 412; of two writers at one time it refuses one with 409.
    const accepted = condition === undefined ? [] : "etag" in condition ? [404, 409, 412] : [409, 412];
    return (await this.ask({method: "PUT", key, headers, body: new TextEncoder().encode(text), accepted, signal})).ok;
  }

  /** Writes a file, whole or not at all. */
  async upload(key: string, path: string, signal?: AbortSignal): Promise<void> {
    const file = await open(path);
    try {
      const {size} = await file.stat();
      const readPart = async (start: number): Promise<Uint8Array<ArrayBuffer>> => {
        const bytes = new Uint8Array(Math.min(partBytes, size - start));
        for (let done = 0; done < bytes.length; ) {
          const {bytesRead} = await file.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0) throw new Error(`${path} became shorter while it was uploaded`);
          done += bytesRead;
        }
        return bytes;
      };
      if (size <= partBytes) await this.ask({method: "PUT", key, body: await readPart(0), signal});
      else await this.uploadParts(key, {size, readPart, signal});
    } finally {
      await file.close();
    }
  }

  async remove(key: string): Promise<void> {
    await this.ask({method: "DELETE", key, accepted: [404]});
  }

  private async uploadParts(key: string, {size, readPart, signal}: {size: number; readPart: (start: number) => Promise<Uint8Array<ArrayBuffer>>; signal: AbortSignal | undefined}): Promise<void> {
    const begun = await (await this.ask({method: "POST", key, query: {uploads: ""}, signal})).text();
    const uploadId = readTag(begun, "UploadId")!;
    try {
      const etags: string[] = [];
      let next = 0;
      const work = async (): Promise<void> => {
        for (let part = next++; part * partBytes < size; part = next++) {
          const query = {partNumber: String(part + 1), uploadId};
          etags[part] = (await this.ask({method: "PUT", key, query, body: await readPart(part * partBytes), signal})).headers.get("etag")!;
        }
      };
      await Promise.all(Array.from({length: partsAtOnce}, work));
      const parts = etags.map((etag, part) => `<Part><PartNumber>${part + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
      const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
      const answer = await (await this.ask({method: "POST", key, query: {uploadId}, body, signal})).text();
      // The status of this request is sent before the store knows whether it succeeds.
      if (answer.includes("<Error>")) throw explainRefusal(200, answer, this.nameOf(key));
    } catch (error) {
      await this.ask({method: "DELETE", key, query: {uploadId}, accepted: [404]}).catch(() => undefined);
      throw error;
    }
  }

  private nameOf(key: string): string {
    return key === "" ? this.address.name : `${this.address.name}/${key}`;
  }

  private async ask(asked: Asked): Promise<Response> {
    for (let attempt = 0; ; attempt += 1) {
      let failure: DaedalusError;
      try {
        const response = await this.send(asked);
        if (response.ok || (asked.accepted ?? []).includes(response.status)) return response;
        failure = explainRefusal(response.status, await response.text(), this.nameOf(asked.key));
        if (response.status < 500 && response.status !== 429) throw failure;
      } catch (error) {
        if (asked.signal?.aborted === true || error instanceof DaedalusError) throw error;
        const {cause, message} = error as Error;
        failure = DaedalusError.of("output-unreachable", {location: this.nameOf(asked.key), reason: cause instanceof Error && cause.message !== "" ? cause.message : message}, {cause: error});
      }
      const wait = waitsMs[attempt];
      if (wait === undefined) throw failure;
      await sleep(wait, undefined, asked.signal ? {signal: asked.signal} : {});
    }
  }

  private async send({method, key, query = {}, headers = {}, body, signal}: Asked): Promise<Response> {
    const url = new URL(`${this.address.url}/${key.split("/").map(encodeURIComponent).join("/")}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    // The store compares what it received with this.
    const digest = createHash("sha256").update(body ?? "").digest("hex");
    const request = await this.signer.sign(url.href, {method, headers: {...headers, "x-amz-content-sha256": digest}, ...(body !== undefined && {body})});
    const timeout = AbortSignal.timeout(requestMsMax);
    return fetch(request, {signal: signal ? AbortSignal.any([signal, timeout]) : timeout});
  }
}

function readTag(xml: string, tag: string): string | undefined {
  const text = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1];
  return text?.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (entity, decimal?: string, hex?: string, name?: string) =>
    name === undefined ? String.fromCodePoint(decimal === undefined ? parseInt(hex!, 16) : Number(decimal)) : (entities[name] ?? entity),
  );
}

const entities: Readonly<Record<string, string>> = {lt: "<", gt: ">", amp: "&", quot: '"', apos: "'"};

async function explainAbsence(response: Response, location: string): Promise<undefined> {
  const body = await response.text();
  if (readTag(body, "Code") === "NoSuchBucket") throw explainRefusal(404, body, location);
  return undefined;
}

function explainRefusal(status: number, body: string, location: string): DaedalusError {
  const said = [readTag(body, "Code"), readTag(body, "Message")].filter((part) => part !== undefined && part !== "").join(": ");
  const facts = {location, reason: said === "" ? `HTTP ${status}` : `HTTP ${status} ${said}`};
  if (status === 401 || status === 403) return DaedalusError.of("output-denied", facts);
  return status >= 500 || status === 429 ? DaedalusError.of("output-unreachable", facts) : DaedalusError.of("output-refused", facts);
}
