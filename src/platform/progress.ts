/** A training run as it goes on: a bar on a terminal, a line for each day elsewhere. */
import {Presets, SingleBar} from "cli-progress";
import type {TrainEvent} from "../pipeline/effects.js";
import {paintProblem} from "./failure.js";
import {formatCount, formatDuration, formatNumber} from "./format.js";
import type {Terminal} from "./terminal.js";

export interface Progress {
  readonly onEvent: (event: TrainEvent) => void;
  /** Takes the bar off the line it stands on; to be called when the run has ended, however it did. */
  end(): void;
}

/** `now` is in milliseconds. */
export function startProgress(terminal: Terminal, now: () => number = Date.now): Progress {
  const tally = new Tally(now);
  const face = terminal.isInteractive ? new BarFace(terminal) : new LineFace(terminal);
  return {
    onEvent: (event) => {
      tally.add(event);
      if (event.kind === "warning") face.warn(paintProblem(event.problem, terminal));
      else face.show(event, tally);
    },
    end: () => face.end(),
  };
}

/** What has been done so far, and from that how fast it goes and how long it will take. */
class Tally {
  total = 0;
  done = 0;
  rows = 0;
  /** Day -> the stage it is in. */
  readonly running = new Map<string, string>();
  private startedMs = 0;

  constructor(private readonly now: () => number) {}

  add(event: TrainEvent): void {
    if (event.kind === "plan") {
      this.total = event.days.length;
      this.startedMs = this.now();
    } else if (event.kind === "day-start") {
      this.running.set(event.day, "");
    } else if (event.kind === "day-stage") {
      this.running.set(event.day, event.stage);
    } else if (event.kind === "day-done") {
      this.running.delete(event.day);
      this.done += 1;
      this.rows += event.rows;
    }
  }

  get rate(): string {
    const seconds = Math.max(0.001, (this.now() - this.startedMs) / 1000);
    return `${formatCount(Math.round(this.rows / seconds))} rows/s`;
  }

  get eta(): string {
    if (this.done === 0) return "ETA unknown";
    const seconds = ((this.now() - this.startedMs) / 1000 / this.done) * (this.total - this.done);
    return `ETA ${formatDuration(seconds)}`;
  }
}

/** By default the bar switches off line wrapping, and a killed run would leave the terminal like that. */
const barStyle = {barsize: 24, linewrap: true} as const;

interface Face {
  show(event: Exclude<TrainEvent, {kind: "warning"}>, tally: Tally): void;
  warn(text: string): void;
  end(): void;
}

class LineFace implements Face {
  private readonly reasons = new Map<string, string>();

  constructor(private readonly terminal: Terminal) {}

  show(event: Exclude<TrainEvent, {kind: "warning"}>, tally: Tally): void {
    if (event.kind === "plan") this.terminal.note(describePlan(event));
    if (event.kind === "day-start") this.reasons.set(event.day, event.reason);
    if (event.kind !== "day-done") return;
    const {day, rows, seconds} = event;
    const reason = this.reasons.get(day) ?? "";
    const text = `${day}${reason && ` (${reason})`}: ${formatCount(rows)} rows in ${formatDuration(seconds)}`;
    this.terminal.note(`${text}; ${tally.done}/${tally.total} days, ${tally.rate}, ${tally.eta}`);
  }

  warn(text: string): void {
    this.terminal.note(text);
  }

  end(): void {
    // Every line is complete already.
  }
}

class BarFace implements Face {
  private readonly bar: SingleBar;

  constructor(private readonly terminal: Terminal) {
    this.bar = new SingleBar(
      {
        stream: terminal.stderr,
        format: "{bar} {value}/{total} days  {rate}  {eta_text}  {running}",
        ...barStyle,
      },
      Presets.shades_classic,
    );
  }

  show(event: Exclude<TrainEvent, {kind: "warning"}>, tally: Tally): void {
    const [first, ...others] = [...tally.running].map(([day, stage]) => `${day} ${stage}`.trimEnd());
    const running = others.length === 0 ? (first ?? "") : `${first!} and ${others.length} more`;
    const payload = {rate: tally.rate, eta_text: tally.eta, running};
    if (event.kind === "plan") {
      this.terminal.note(describePlan(event));
      if (tally.total > 0) this.bar.start(tally.total, 0, payload);
    } else {
      this.bar.update(tally.done, payload);
    }
  }

  warn(text: string): void {
    // The bar is drawn again, below the warning, by its next update.
    this.terminal.note(this.bar.isActive ? `\n${text}` : text);
  }

  end(): void {
    if (this.bar.isActive) this.bar.stop();
  }
}

export interface RowProgress {
  update(rowsDone: number, rowsTotal: number): void;
  end(): void;
}

/** How often a line is printed where there is no terminal. */
const lineMs = 10_000;

/** Rows of one piece of work: a bar on a terminal, a line every ten seconds elsewhere. `now` is in milliseconds. */
export function startRowProgress(terminal: Terminal, name: string, now: () => number = Date.now): RowProgress {
  const startedMs = now();
  const paceOf = (rowsDone: number, rowsTotal: number): {rate: string; eta_text: string} => {
    const perSecond = rowsDone / Math.max(0.001, (now() - startedMs) / 1000);
    return {rate: `${formatCount(Math.round(perSecond))} rows/s`, eta_text: `ETA ${formatDuration((rowsTotal - rowsDone) / Math.max(perSecond, 0.001))}`};
  };
  if (!terminal.isInteractive) {
    let shownMs = startedMs;
    const update = (rowsDone: number, rowsTotal: number): void => {
      if (now() - shownMs < lineMs) return;
      shownMs = now();
      const {rate, eta_text: eta} = paceOf(rowsDone, rowsTotal);
      terminal.note(`${name}: ${formatCount(rowsDone)}/${formatCount(rowsTotal)} rows, ${rate}, ${eta}`);
    };
    return {update, end: () => undefined};
  }
  const bar = new SingleBar({stream: terminal.stderr, format: `${name} {bar} {value}/{total} rows  {rate}  {eta_text}`, ...barStyle}, Presets.shades_classic);
  return {
    update: (rowsDone, rowsTotal) => {
      const pace = paceOf(rowsDone, rowsTotal);
      if (bar.isActive) bar.update(rowsDone, pace);
      else bar.start(rowsTotal, rowsDone, pace);
    },
    end: () => {
      if (bar.isActive) bar.stop();
    },
  };
}

function describePlan({service, days, current}: Extract<TrainEvent, {kind: "plan"}>): string {
  return `${service}: ${formatNumber(days.length, "day")} to write, ${current.length} current`;
}
