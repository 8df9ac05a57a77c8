/**
 * Ray's job API. It is called through node:http: Ray's dashboard answers 405 to a POST with a Sec-Fetch header, and `fetch` always
 * sends one.
 */
import {request as requestHttp} from "node:http";
import {request as requestHttps} from "node:https";
import {z} from "zod";
import {DaedalusError} from "../errors.js";

const jobSchema = z.object({
  status: z.enum(["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]),
  message: z.string().nullish(),
  error_type: z.string().nullish(),
  driver_exit_code: z.number().nullish(),
});

/** What a node has in all, by the name of the resource: `CPU`, and `memory` in bytes. */
const usageSchema = z.record(z.string(), z.tuple([z.number(), z.number()]));

const clusterSchema = z.object({
  data: z.object({clusterStatus: z.object({loadMetricsReport: z.object({usageByNode: z.record(z.string(), usageSchema)})}).nullable()}),
});

const logsSchema = z.object({logs: z.string().nullable()});

export type RayJob = Readonly<z.infer<typeof jobSchema>>;

export interface RayNode {
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface RaySubmission {
  readonly id: string;
  /** A line for a shell. */
  readonly entrypoint: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly runtimeEnv: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const timeoutMs = 30_000;

export class RayJobs {
  constructor(
    /** Of the dashboard, such as `http://127.0.0.1:8265`. */
    readonly address: string,
    /** Sent as a bearer token where the cluster asks for one. */
    private readonly token: string | undefined,
  ) {}

  /** May be called again when its answer is lost: a job that is there stays as it is. */
  async submit(job: RaySubmission): Promise<void> {
    const body = {
      submission_id: job.id,
      entrypoint: job.entrypoint,
      entrypoint_num_cpus: job.cpus,
      entrypoint_memory: job.memoryBytes,
      runtime_env: job.runtimeEnv,
      metadata: job.metadata,
    };
    const answer = await this.#call("POST", "/api/jobs/", JSON.stringify(body));
    if (!answer.text.includes(`Job with submission_id ${job.id} already exists`)) this.#accept(answer, z.unknown());
  }

  /** Undefined for a job that the cluster does not know, as after a restart of its head. */
  async find(id: string): Promise<RayJob | undefined> {
    const answer = await this.#call("GET", `/api/jobs/${id}`);
    return answer.status === 404 ? undefined : this.#accept(answer, jobSchema);
  }

  /** All that the job has printed so far. Ray asks the job's node for it: where that is lost, the answer is 500, and nothing here. */
  async readLogs(id: string): Promise<string> {
    const answer = await this.#call("GET", `/api/jobs/${id}/logs`);
    return answer.status === 404 || answer.status === 500 ? "" : (this.#accept(answer, logsSchema).logs ?? "");
  }

  /** A job that has ended, or is gone, stays as it is. */
  async stop(id: string): Promise<void> {
    const answer = await this.#call("POST", `/api/jobs/${id}/stop`);
    if (answer.status !== 404) this.#accept(answer, z.unknown());
  }

  /** Empty for some seconds after a cluster has started. */
  async readNodes(): Promise<readonly RayNode[]> {
    const {data} = this.#accept(await this.#call("GET", "/api/cluster_status"), clusterSchema);
    const nodes = Object.values(data.clusterStatus?.loadMetricsReport.usageByNode ?? {});
    return nodes.map((usage) => ({cpus: usage["CPU"]?.[1] ?? 0, memoryBytes: usage["memory"]?.[1] ?? 0}));
  }

  #call(method: "GET" | "POST", path: string, body?: string): Promise<Answer> {
    const url = new URL(path, this.address);
    const headers = {
      ...(body === undefined ? {} : {"content-type": "application/json", "content-length": Buffer.byteLength(body)}),
      ...(this.token === undefined ? {} : {authorization: `Bearer ${this.token}`}),
    };
    const request = url.protocol === "https:" ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        const reason = "code" in error && typeof error.code === "string" ? error.code : error.message;
        reject(DaedalusError.of("ray-unreachable", {address: this.address, reason}, {cause: error}));
      };
      const call = request(url, {method, headers, timeout: timeoutMs}, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => resolve({status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString()}));
      });
      call.on("timeout", () => call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
      call.on("error", fail);
      call.end(body);
    });
  }

  #accept<T>({status, text}: Answer, schema: z.ZodType<T>): T {
    if (status === 401 || status === 403) throw DaedalusError.of("ray-refused", {address: this.address, reason: `it answers ${status}: the token of RAY_AUTH_TOKEN is missing or wrong`});
    // A failed call is answered with a Python traceback, whose last line is the reason.
    const lastLine = text.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
    // 5xx for some seconds after a cluster has started, too, until its head has an agent for jobs.
    if (status >= 300) throw DaedalusError.of(status >= 500 ? "ray-unready" : "ray-refused", {address: this.address, reason: `it answers ${status}: ${lastLine}`});
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw DaedalusError.of("ray-refused", {address: this.address, reason: "what answers there is not Ray's dashboard"}, {cause: error});
    }
  }
}
