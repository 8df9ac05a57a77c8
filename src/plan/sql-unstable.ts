import {sqlToken} from "./sql-identifiers.js";

/** Functions that answer by chance, by the moment of the run, or by what else was asked before. */
const unstable = new Set([
  "random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "nextval", "currval",
  "now", "today", "transaction_timestamp", "get_current_time", "get_current_timestamp", "current_localtime", "current_localtimestamp",
]);
/** The same without parentheses. */
const moments = new Set(["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"]);

/** The first function of an expression that would give a day other values when it is made again. `age` of one instant counts from today. */
export function findUnstable(sql: string): string | undefined {
  const calls: {readonly name: string; commas: number}[] = [];
  let word = "";
  let isMember = false;
  for (const [text, , quotedDot, bare, bareDot] of sql.matchAll(sqlToken)) {
    if (text.trim() === "" || text.startsWith("--") || text.startsWith("/*")) continue;
    if (text === "(") {
      if (unstable.has(word)) return word;
      calls.push({name: word, commas: 0});
    } else if (text === ",") {
      const call = calls.at(-1);
      if (call) call.commas += 1;
    } else if (text === ")") {
      const call = calls.pop();
      if (call?.name === "age" && call.commas === 0) return "age";
    }
    const isQualifier = (quotedDot ?? bareDot) !== undefined;
    word = bare === undefined || isQualifier || isMember ? "" : bare.toLowerCase();
    if (moments.has(word)) return word;
    isMember = isQualifier;
  }
  return undefined;
}
