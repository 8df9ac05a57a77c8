/** Dagster's GraphQL, as far as a run needs it: find a job, launch a partition, follow it, end it. */
import {z} from "zod";
import {DaedalusError} from "../errors.js";

const logEventSchema = z.object({
  __typename: z.string(),
  message: z.string().nullish(),
  level: z.string().nullish(),
  stepKey: z.string().nullish(),
  evaluation: z.object({checkName: z.string(), success: z.boolean(), severity: z.string()}).nullish(),
});

export type DagsterEvent = Readonly<z.infer<typeof logEventSchema>>;

export interface DagsterJob {
  readonly location: string;
  readonly repository: string;
  readonly name: string;
}

export interface DagsterLogPage {
  readonly events: readonly DagsterEvent[];
  readonly cursor: string;
  readonly hasMore: boolean;
}

export interface DagsterLaunch {
  readonly job: DagsterJob;
  readonly day: string;
  readonly runConfig: Readonly<Record<string, unknown>>;
  readonly tags: Readonly<Record<string, string>>;
}

const timeoutMs = 30_000;
const pythonError = "... on PythonError { message }";

const jobsQuery = `query { repositoriesOrError { __typename
  ... on RepositoryConnection { nodes { name location { name } jobs { name } } } ${pythonError} } }`;
const launchMutation = `mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on RunConfigValidationInvalid { errors { message } }
  ... on PipelineNotFoundError { message } ... on InvalidSubsetError { message } ... on RunConflict { message } ... on UnauthorizedError { message }
  ${pythonError} } }`;
const taggedQuery = `query Tagged($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 1) { __typename ... on Runs { results { runId } } ... on InvalidPipelineRunsFilterError { message } ${pythonError} } }`;
const statusQuery = `query Status($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } ... on RunNotFoundError { message } ${pythonError} } }`;
const logsQuery = `query Logs($id: ID!, $after: String) { logsForRun(runId: $id, afterCursor: $after, limit: 500) { __typename
  ... on EventConnection { cursor hasMore events { __typename
    ... on MessageEvent { message level stepKey }
    ... on AssetCheckEvaluationEvent { evaluation { checkName success severity } } } }
  ... on RunNotFoundError { message } ${pythonError} } }`;
const terminateMutation = `mutation Terminate($id: String!) { terminateRun(runId: $id) { __typename ... on TerminateRunFailure { message } ... on RunNotFoundError { message } ... on UnauthorizedError { message } ${pythonError} } }`;

const jobsSchema = z.object({
  nodes: z.array(z.object({name: z.string(), location: z.object({name: z.string()}), jobs: z.array(z.object({name: z.string()}))})),
});
const runSchema = z.object({runId: z.string()});

export class DagsterGraphql {
  constructor(
    /** Such as `http://localhost:3000/graphql`. */
    readonly url: string,
    /** Sent as a bearer token, for a proxy that asks for one. */
    private readonly token: string | undefined,
  ) {}

  async listJobs(): Promise<readonly DagsterJob[]> {
    const {nodes} = await this.#ask(jobsQuery, {}, {field: "repositoriesOrError", typename: "RepositoryConnection", schema: jobsSchema});
    return nodes.flatMap(({name: repository, location, jobs}) => jobs.map(({name}) => ({location: location.name, repository, name})));
  }

  /** The id of the new run. */
  async launch({job, day, runConfig, tags}: DagsterLaunch): Promise<string> {
    const selector = {repositoryLocationName: job.location, repositoryName: job.repository, pipelineName: job.name};
    const allTags = Object.entries({...tags, "dagster/partition": day}).map(([key, value]) => ({key, value}));
    const params = {selector, mode: "default", runConfigData: runConfig, executionMetadata: {tags: allTags}};
    const {run} = await this.#ask(launchMutation, {params}, {field: "launchRun", typename: "LaunchRunSuccess", schema: z.object({run: runSchema})});
    return run.runId;
  }

  async findTagged(key: string, value: string): Promise<string | undefined> {
    const {results} = await this.#ask(taggedQuery, {filter: {tags: [{key, value}]}}, {field: "runsOrError", typename: "Runs", schema: z.object({results: z.array(runSchema)})});
    return results[0]?.runId;
  }

  /** Dagster's word, such as `QUEUED`, `STARTED`, `SUCCESS`, `FAILURE` or `CANCELED`. */
  async readStatus(id: string): Promise<string> {
    return (await this.#ask(statusQuery, {id}, {field: "runOrError", typename: "Run", schema: z.object({status: z.string()})})).status;
  }

  async readLogs(id: string, after: string | undefined): Promise<DagsterLogPage> {
    const schema = z.object({events: z.array(logEventSchema), cursor: z.string(), hasMore: z.boolean()});
    return this.#ask(logsQuery, {id, after: after ?? null}, {field: "logsForRun", typename: "EventConnection", schema});
  }

  /** A run that has ended stays as it is. */
  async terminate(id: string): Promise<void> {
    await this.#call(terminateMutation, {id});
  }

  /** Errors are members of a union: anything but the expected one is a refusal. */
  async #ask<T>(query: string, variables: object, {field, typename, schema}: {readonly field: string; readonly typename: string; readonly schema: z.ZodType<T>}): Promise<T> {
    const found = (await this.#call(query, variables))[field] as {__typename?: string; message?: string; errors?: readonly {message: string}[]} | undefined;
    if (found?.__typename !== typename) {
      const reason = found?.message ?? found?.errors?.map(({message}) => message).join("; ") ?? `it answers ${found?.__typename ?? "nothing"}`;
      throw DaedalusError.of("dagster-refused", {url: this.url, reason: reason.trim().slice(0, 500)});
    }
    const parsed = schema.safeParse(found);
    if (!parsed.success) throw DaedalusError.of("dagster-refused", {url: this.url, reason: "its answer has another shape than that of Dagster 1.13"}, {cause: parsed.error});
    return parsed.data;
  }

  async #call(query: string, variables: object): Promise<Readonly<Record<string, unknown>>> {
    let status: number;
    let text: string;
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: {"content-type": "application/json", ...(this.token === undefined ? {} : {authorization: `Bearer ${this.token}`})},
        body: JSON.stringify({query, variables}),
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      throw DaedalusError.of("dagster-unreachable", {url: this.url, reason: describeNetworkError(error)}, {cause: error});
    }
    if (status === 401 || status === 403) throw DaedalusError.of("dagster-refused", {url: this.url, reason: `it answers ${status}: the token of DAEDALUS_DAGSTER_TOKEN is missing or wrong`});
    // A proxy whose Dagster is away.
    if (status >= 502) throw DaedalusError.of("dagster-unreachable", {url: this.url, reason: `it answers ${status}`});
    const {data, errors} = parseAnswer(text);
    if (errors) throw DaedalusError.of("dagster-refused", {url: this.url, reason: errors.map(({message}) => message).join("; ").slice(0, 500)});
    if (!data) throw DaedalusError.of("dagster-refused", {url: this.url, reason: `what answers there (${status}) is not Dagster's GraphQL`});
    return data;
  }
}

const answerSchema = z.object({data: z.record(z.string(), z.unknown()).nullish(), errors: z.array(z.object({message: z.string()})).nonempty().optional()});

function parseAnswer(text: string): Partial<z.infer<typeof answerSchema>> {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}

function describeNetworkError(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  return error instanceof Error ? error.message : String(error);
}
