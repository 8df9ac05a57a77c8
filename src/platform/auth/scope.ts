/** What a caller may do; each scope holds those before it. */
export const scopes = ["read", "run", "admin"] as const;
export type Scope = (typeof scopes)[number];

export const isCovered = (wanted: Scope, granted: Scope): boolean => scopes.indexOf(granted) >= scopes.indexOf(wanted);
