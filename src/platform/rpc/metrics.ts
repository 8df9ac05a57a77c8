/** What a server counts, in the text format of Prometheus. */

const bucketSeconds = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

interface Durations {
  readonly buckets: number[];
  sum: number;
  count: number;
}

export class Metrics {
  /** Method and outcome -> calls. */
  readonly #calls = new Map<string, {readonly method: string; readonly outcome: string; count: number}>();
  readonly #durations = new Map<string, Durations>();
  readonly #refusals = new Map<string, number>();

  /** `outcome`: `ok`, or the error's code. */
  countCall(method: string, outcome: string, seconds: number): void {
    const key = `${method} ${outcome}`;
    const calls = this.#calls.get(key);
    if (calls) calls.count += 1;
    else this.#calls.set(key, {method, outcome, count: 1});
    let durations = this.#durations.get(method);
    if (!durations) this.#durations.set(method, (durations = {buckets: bucketSeconds.map(() => 0), sum: 0, count: 0}));
    durations.sum += seconds;
    durations.count += 1;
    for (let index = bucketSeconds.length - 1; index >= 0 && seconds <= bucketSeconds[index]!; index -= 1) durations.buckets[index]! += 1;
  }

  /** A request that never became a call. */
  countRefusal(code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  /** `gauges`: name -> what it says now. */
  render(gauges: Readonly<Record<string, {readonly help: string; readonly value: number}>>): string {
    const lines = ["# HELP daedalus_calls_total Calls by method and outcome.", "# TYPE daedalus_calls_total counter"];
    for (const {method, outcome, count} of this.#calls.values()) lines.push(`daedalus_calls_total{method="${method}",outcome="${outcome}"} ${count}`);
    lines.push("# HELP daedalus_refused_requests_total Requests that were refused before any call.", "# TYPE daedalus_refused_requests_total counter");
    for (const [code, count] of this.#refusals) lines.push(`daedalus_refused_requests_total{code="${code}"} ${count}`);
    lines.push("# HELP daedalus_call_duration_seconds How long calls took.", "# TYPE daedalus_call_duration_seconds histogram");
    for (const [method, {buckets, sum, count}] of this.#durations) {
      const name = "daedalus_call_duration_seconds";
      buckets.forEach((value, index) => lines.push(`${name}_bucket{method="${method}",le="${bucketSeconds[index]!}"} ${value}`));
      lines.push(`${name}_bucket{method="${method}",le="+Inf"} ${count}`, `${name}_sum{method="${method}"} ${sum}`, `${name}_count{method="${method}"} ${count}`);
    }
    for (const [name, {help, value}] of Object.entries(gauges)) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${value}`);
    return `${lines.join("\n")}\n`;
  }
}
