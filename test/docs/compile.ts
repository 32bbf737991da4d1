import ts from "typescript";
import { aliases, type Block, root, shared } from "./blocks.js";

export type Code = Pick<Block, "page" | "where" | "file"> & { text: string };

/** The compiler's folder for a page's code: SDKs are in test/docs/node_modules, and contributors' code is a test. */
const folderOf = (page: string) =>
  page === "CONTRIBUTING.md" ? `${root}/test/unit` : `${root}/test/docs/pages/${page.replace(/\W/g, "-")}`;

/** Library files: the same for every compilation, and most of its time. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** The compiler's errors in these blocks, each a module of its own, compiled in strict mode as in an application. */
export function compile(code: Code[]): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    jsx: ts.JsxEmit.ReactJSX,
    types: ["node"],
    typeRoots: [`${root}/node_modules/@types`],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    paths: {
      ...Object.fromEntries(Object.entries(aliases).map(([name, path]) => [name, [path]])),
      "@react-native-async-storage/async-storage": [`${root}/node_modules/async-storage-2`],
      "@/lib/current-user": [`${folderOf("README.md")}/current-user.ts`],
    },
  };
  const virtual = new Map<string, string>();
  const named = new Map<string, string>();
  for (const page of new Set(code.map(({ page }) => page))) {
    for (const [file, text] of Object.entries(shared)) virtual.set(`${folderOf(page)}/${file}`, text);
  }
  for (const [index, { page, file, text, where }] of code.entries()) {
    const path = `${folderOf(page)}/${file?.replace(/\.(vue|svelte)$/, ".$1.ts") ?? `block-${index}.tsx`}`;
    virtual.set(path, `${text}\nexport {};\n`);
    named.set(path, where);
  }
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile, directoryExists } = host;
  host.fileExists = (name) => virtual.has(name) || fileExists(name);
  host.directoryExists = (name) =>
    [...virtual.keys()].some((path) => path.startsWith(`${name}/`)) || !!directoryExists?.(name);
  host.readFile = (name) => virtual.get(name) ?? readFile(name);
  host.getSourceFile = (name, target, ...rest) => {
    const text = virtual.get(name);
    if (text !== undefined) return ts.createSourceFile(name, text, target);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, target, ...rest));
    return parsed.get(name);
  };
  const program = ts.createProgram([...named.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => !file || named.has(file.fileName))
    .map(({ file, start = 0, messageText }) => {
      const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
      return `${file && named.get(file.fileName)}, line ${line} of the block: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
}

/** The names that a block declares at module level. */
export function declared(text: string): string[] {
  const names: string[] = [];
  const add = (name: ts.BindingName | undefined): void => {
    if (!name) return;
    if (ts.isIdentifier(name)) names.push(name.text);
    else for (const each of name.elements) if (ts.isBindingElement(each)) add(each.name);
  };
  for (const node of ts.createSourceFile("block.tsx", text, ts.ScriptTarget.ES2022).statements) {
    if (ts.isVariableStatement(node)) for (const { name } of node.declarationList.declarations) add(name);
    else if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)) add(node.name);
  }
  return names;
}
