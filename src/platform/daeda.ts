#!/usr/bin/env node
// Loaded for every command, so it imports nothing but the command names; what a command needs is loaded when it runs.
import nodeModule from "node:module";

// Node 22 and later keep compiled code on disk; Node 20 lacks the function.
(nodeModule as {enableCompileCache?: () => void}).enableCompileCache?.();

// What Node writes of a process that crashes lists its environment, which has secrets in it. Node 20 cannot leave that out.
(process.report as {excludeEnv?: boolean}).excludeEnv = true;

const {runCli} = await import("./cli.js");
await runCli(process.argv.slice(2));
