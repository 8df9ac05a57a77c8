import {defineConfig} from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A test that takes a quarter of a minute alone takes a minute and more on a machine that has other work.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: {poll: {timeout: 60_000}},
    globalSetup: "test/global-setup.ts",
    // Native DuckDB, Lance and Polars are safest in processes of their own. A process goes on with the next file and the modules that
    // it has: to load them anew for each costs more than many a file's tests.
    pool: "forks",
    isolate: false,
    // One more than the cores that a small machine has: tests wait for processes, servers and disks.
    maxWorkers: 3,
  },
});
