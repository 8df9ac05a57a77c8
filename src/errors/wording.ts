/** What an error says: its text and what to do about it. Codes and facts stand in the tables beside this file. */
export interface Wording {
  readonly text: string;
  readonly hint?: string | undefined;
}

export type WordingTable = Record<string, (facts: never) => Wording>;

export const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");

export const didYouMean = (nearest: string | undefined): string | undefined => (nearest === undefined ? undefined : `did you mean "${nearest}"?`);
