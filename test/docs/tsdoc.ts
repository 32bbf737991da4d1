import { posix, relative } from "node:path";
import ts from "typescript";
import { entries } from "../../scripts/entries.mjs";
import { root } from "./blocks.js";

/** A documented item: an export of an entry, or a member of one. */
export interface Documented {
  /** "TokenSnapshot.status". */
  name: string;
  /** File and line, for error messages. */
  where: string;
  /** The code of its `@example`s. */
  examples: string[];
}

const config = ts.getParsedCommandLineOfConfigFile(
  `${root}/tsconfig.build.json`,
  {},
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} },
);
const program = ts.createProgram(config!.fileNames, config!.options);
const checker = program.getTypeChecker();

const examplesOf = (node: ts.Node): string[] =>
  ts
    .getJSDocTags(node)
    .filter(({ tagName }) => tagName.text === "example")
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? "");

const isInternal = (node: ts.Node): boolean =>
  ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal") ||
  (ts.canHaveModifiers(node) &&
    !!ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) ||
  (ts.isClassElement(node) && !!node.name && ts.isPrivateIdentifier(node.name));

/** Each entry's name in an application, and its exports. */
export const exported = entries.map(({ path, source }) => ({
  entry: posix.join("cube-token-manager", path),
  symbols: checker.getExportsOfModule(
    checker.getSymbolAtLocation(program.getSourceFile(`${root}/src/${source}.ts`)!)!,
  ),
}));

/** Every export of the package, once, with its own members. */
export function documented(): Documented[] {
  const found: Documented[] = [];

  const add = (name: string, node: ts.Node): void => {
    const file = node.getSourceFile();
    const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    const path = relative(root, file.fileName).replaceAll("\\", posix.sep);
    found.push({ name, where: `${path}:${line}`, examples: examplesOf(node) });
  };

  /** Members, including those of inline types, but never of function bodies. */
  const addMembers = (name: string, node: ts.Node): void =>
    ts.forEachChild(node, (child) => {
      const isBody = ts.isBlock(child) || (ts.isArrowFunction(node) && child === node.body);
      if (isBody || isInternal(child)) return;
      const isMember =
        ts.isTypeElement(child) || (ts.isClassElement(child) && !ts.isClassStaticBlockDeclaration(child));
      if (!isMember) return addMembers(name, child);
      const own = `${name}${ts.isConstructorDeclaration(child) ? ".constructor" : child.name ? `.${child.name.getText()}` : "()"}`;
      add(own, child);
      addMembers(own, child);
    });

  const seen = new Set<ts.Symbol>();
  for (const { symbols } of exported) {
    for (const each of symbols) {
      const symbol = each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each;
      if (seen.has(symbol)) continue;
      seen.add(symbol);
      // The signatures of an overloaded function, not its implementation.
      const declarations = symbol.declarations!.filter(
        (node, _, all) => all.length === 1 || !ts.isFunctionDeclaration(node) || !node.body,
      );
      for (const [index, declaration] of declarations.entries()) {
        // A signature without a comment is shown with the comment of the first.
        const isFollower = index > 0 && ts.getJSDocCommentsAndTags(declaration).length === 0;
        if (!isFollower) add(symbol.name, declaration);
        addMembers(symbol.name, declaration);
      }
    }
  }
  return found;
}
