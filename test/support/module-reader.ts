/** What the tidy test needs to know of a TypeScript file: what it imports, from where, and what it exports. */
import ts from "typescript";

export interface Link {
  readonly specifier: string;
  readonly line: number;
  readonly isTypeOnly: boolean;
  /** By `import()`, when the line is reached. */
  readonly isDynamic: boolean;
  /** Names taken from the module; `*` where all of them are. */
  readonly names: readonly string[];
}

export interface Exported {
  readonly name: string;
  readonly line: number;
  readonly isType: boolean;
  /** How often the file itself mentions the name, its declaration left out. */
  readonly usesInFile: number;
}

export interface Module {
  readonly file: string;
  readonly links: readonly Link[];
  readonly exports: readonly Exported[];
  readonly defaultExportLines: readonly number[];
}

export function readModule(input: {readonly file: string; readonly text: string}): Module {
  const source = ts.createSourceFile(input.file, input.text, ts.ScriptTarget.ES2023, true);
  const lineOf = (node: ts.Node): number => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  const links: Link[] = [];
  const declared: {name: string; line: number; isType: boolean}[] = [];
  const defaultExportLines: number[] = [];
  const mentions = new Map<string, number>();

  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) mentions.set(node.text, (mentions.get(node.text) ?? 0) + 1);
    const link = readLink(node);
    if (link) links.push({...link, line: lineOf(node)});
    ts.forEachChild(node, visit);
  };
  visit(source);

  for (const statement of source.statements) {
    if (ts.isExportAssignment(statement) || hasModifier(statement, ts.SyntaxKind.DefaultKeyword)) {
      defaultExportLines.push(lineOf(statement));
    } else if (hasModifier(statement, ts.SyntaxKind.ExportKeyword)) {
      for (const name of declaredNames(statement)) {
        const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
        declared.push({name, line: lineOf(statement), isType});
      }
    }
  }
  const exports = declared.map((item) => ({...item, usesInFile: (mentions.get(item.name) ?? 0) - 1}));
  return {file: input.file, links, exports, defaultExportLines};
}

function readLink(node: ts.Node): Omit<Link, "line"> | undefined {
  if (ts.isImportDeclaration(node)) {
    const clause = node.importClause;
    const bindings = clause?.namedBindings;
    const elements = bindings && ts.isNamedImports(bindings) ? bindings.elements : [];
    const isTypeOnly =
      clause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
      (elements.length > 0 && clause?.name === undefined && elements.every((element) => element.isTypeOnly));
    const names = bindings && ts.isNamespaceImport(bindings) ? ["*"] : elements.map(importedName);
    return {specifier: textOf(node.moduleSpecifier), isTypeOnly, isDynamic: false, names};
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
    const names = node.exportClause && ts.isNamedExports(node.exportClause) ? node.exportClause.elements.map(importedName) : ["*"];
    return {specifier: textOf(node.moduleSpecifier), isTypeOnly: node.isTypeOnly, isDynamic: false, names};
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return {specifier: textOf(node.argument.literal), isTypeOnly: true, isDynamic: false, names: node.qualifier ? [node.qualifier.getText()] : ["*"]};
  }
  // What is computed is known to nobody before it runs.
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0] && ts.isStringLiteralLike(node.arguments[0])) {
    return {specifier: node.arguments[0].text, isTypeOnly: false, isDynamic: true, names: dynamicNames(node)};
  }
  return undefined;
}

/** `const {a, b} = await import("x")` takes two names; any other use takes them all. */
function dynamicNames(call: ts.CallExpression): string[] {
  const declaration = ts.isAwaitExpression(call.parent) ? call.parent.parent : call.parent;
  if (!ts.isVariableDeclaration(declaration) || !ts.isObjectBindingPattern(declaration.name)) return ["*"];
  return declaration.name.elements.map((element) => (element.propertyName ?? element.name).getText());
}

function importedName(element: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (element.propertyName ?? element.name).text;
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({name}) => boundNames(name));
  }
  const {name} = statement as ts.Statement & {name?: ts.Identifier};
  return name ? [name.text] : [];
}

/** `a`, and of `{a, b: [c]}` the names `a` and `c`. */
function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? boundNames(element.name) : []));
}

function hasModifier(statement: ts.Statement, kind: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(statement) && (ts.getModifiers(statement) ?? []).some((modifier) => modifier.kind === kind);
}

function textOf(node: ts.Node): string {
  return ts.isStringLiteralLike(node) ? node.text : "";
}
