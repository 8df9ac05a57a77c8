/** What a caller may do; each scope holds those before it. */
export type Scope = "read" | "run" | "admin";
