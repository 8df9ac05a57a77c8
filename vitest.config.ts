import {defineConfig} from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: "test/global-setup.ts",
    // Native DuckDB, Lance and Polars are safest in processes of their own. A process goes on with the next file and the modules that
    // it has: to load them anew for each costs more than many a file's tests.
    pool: "forks",
    isolate: false,
    // One more than the cores that a small machine has: tests wait for processes, servers and disks.
    maxWorkers: 3,
  },
});
