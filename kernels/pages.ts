/**
 * Data pages of parquet columns, rendered from where an engine left lists and numbers. Threads run it over one shared memory: columns that are only
 * read, and scratch for each thread. The plain functions of test/support/naive-pages.ts say which bytes: both must agree.
 * Source: parquet-format, Encodings.md.
 */
export * from "./pages/lists";
export * from "./pages/numbers";
