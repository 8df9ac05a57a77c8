/**
 * Sorting rows by key and instant, and sliding windows over them, compiled to WebAssembly by AssemblyScript (the types below are its): as
 * JavaScript the same loops were warmed up anew by each thread, which cost more than they did. Each thread has a memory of its own.
 * Columns are arrays of that memory: `i32` keys, places and rows, `f64` instants, `i64` bits of values.
 */
export * from "./windows/sorting";
export * from "./windows/lines";
export * from "./windows/ranges";
export * from "./windows/rows";
export * from "./windows/lists";
export * from "./windows/distinct";
export * from "./windows/extremes";
