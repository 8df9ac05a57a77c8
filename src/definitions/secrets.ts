/**
 * Credentials in definitions are `${ENV}` references. What is written out instead is refused, and is hidden before any line of
 * the file can reach an error's excerpt, whichever problem the line is shown for.
 */
import {isAlias, isCollection, isPair, isScalar, visit, type Document, type Node} from "yaml";

const onlyReferences = /^(?:\$\{(?:[A-Za-z_][A-Za-z0-9_]*|file:[^}\s]+)\})+$/;
const secretKey = /^(?:credentials|.*(?:password|passwd|passphrase|secret|private_key|access_key|api_key)|(?:.*_)?token)$/i;
/** `user:password` of a URL. A database's password may hold any character; an object store's URL may hold an `@` in its path. */
const databaseUserinfo = /(?<=(?:postgres|postgresql|mysql|snowflake):\/\/)[^\r\n]+(?=@)/g;
const userinfo = /(?<=:\/\/)[^\s"'<>/]+(?=@)/g;
/** `password=...` of a libpq string, or of a URL's query. */
const keywordSecret = /(?<=\b(?:password|passwd|passphrase|secret|token|secret_access_key)\s*=\s*)(?:'[^'\r\n]*'|"[^"\r\n]*"|[^\s"'&;]+)/gi;

/** True for `${NAME}` and `${file:/path}`, and for several of them in a row. */
export function isEnvReference(text: string): boolean {
  return onlyReferences.test(text);
}

/** True when a path or URL holds a user name or password that is not an `${ENV}` reference. */
export function hasLiteralSecret(url: string): boolean {
  const parts = [
    ...[...url.matchAll(databaseUserinfo), ...url.matchAll(userinfo)].flatMap(([match]) => match.split(/:(?![^{]*\})/)),
    ...[...url.matchAll(keywordSecret)].map(([match]) => match.replaceAll(/^['"]|['"]$/g, "")),
  ];
  return parts.some((part) => part !== "" && !isEnvReference(part));
}

/** The same text, each character of a written-out secret replaced by `*`: columns stay where they are. */
export function hideSecrets(text: string, document: Document.Parsed): string {
  let shown = text;
  for (const {range} of findSecretNodes(document)) {
    if (range) shown = shown.slice(0, range[0]) + hide(shown.slice(range[0], range[1])) + shown.slice(range[1]);
  }
  return shown.replaceAll(databaseUserinfo, hide).replaceAll(userinfo, hide).replaceAll(keywordSecret, hide);
}

function hide(secret: string): string {
  return secret.replaceAll(/\$\{(?:[A-Za-z_][A-Za-z0-9_]*|file:[^}\s]+)\}|[^\s:]/g, (part) => (part.length > 1 ? part : "*"));
}

function findSecretNodes(document: Document.Parsed): Node[] {
  const found = new Set<Node>();
  const seen = new Set<Node>();
  const collect = (node: Node | null | undefined): void => {
    if (!node || seen.has(node)) return;
    seen.add(node);
    if (isAlias(node)) return collect(node.resolve(document));
    if (isScalar(node)) {
      if (typeof node.value !== "string" || !isEnvReference(node.value)) found.add(node);
      return;
    }
    if (!isCollection(node)) return;
    for (const item of node.items) collect((isPair(item) ? item.value : item) as Node | null);
  };
  visit(document, {
    Pair: (_, pair) => {
      if (isScalar(pair.key) && secretKey.test(String(pair.key.value))) collect(pair.value as Node | null);
    },
  });
  return [...found];
}
