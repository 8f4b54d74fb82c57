import { basename, dirname, resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { canonicalize } from "./canonical.ts";
import { checkSchema } from "./check-schema.ts";
import { parseDotenv } from "./dotenv.ts";
import { interpolateTree } from "./interpolate.ts";
import { enforceUnicity, mergeTrees } from "./merge.ts";
import { type ParsedYaml, parseYaml } from "./parse-yaml.ts";
import { resolvePath, resolvePaths } from "./paths.ts";
import {
  type Dict,
  dictOf,
  dropAt,
  isDict,
  isList,
  listOf,
  type Path,
  textOf,
  type Tree,
  without,
} from "./tree.ts";

/** What loading needs of the world. */
export interface LoadDeps {
  /** @throws {Fault} `not-found` as `open PATH: no such file or directory` */
  readText(path: string): Promise<string>;
  readonly home: string;
  readonly warn: (message: string) => void;
}

export interface LoadOptions {
  /** Absolute; later ones override earlier ones. `-` has been read by `readText` too. */
  readonly files: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly isInterpolated: boolean;
}

/**
 * Loads files into one tree in long form with absolute paths: interpolated, checked against the schema, extended, merged, and
 * with what they include.
 *
 * @throws {Fault} `invalid` with the file and place in the peer's words
 */
export async function loadTree(
  deps: LoadDeps,
  options: LoadOptions,
  including: readonly string[] = [],
): Promise<Dict> {
  let merged: Tree = {};
  for (const file of options.files) {
    const { tree, cleared } = await loadFile(deps, options, file);
    const extended = await extendServices(deps, options, file, tree, cleared);
    const base: Tree = cleared.reduce<Tree>((kept, path) => dropAt(kept, path), merged);
    merged = mergeTrees(base, extended);
  }
  const own = resolvePaths(enforceUnicity(dictOf(merged)), options.folder, deps.home);
  return await includeFiles(deps, options, own, [...including, ...options.files]);
}

async function loadFile(deps: LoadDeps, options: LoadOptions, file: string): Promise<ParsedYaml> {
  const parsed = parseYaml(await deps.readText(file), file);
  const missing = new Set<string>();
  const tree = options.isInterpolated
    ? interpolateTree(
        parsed.tree,
        (name) => options.environment[name],
        (name) => missing.add(name),
      )
    : parsed.tree;
  for (const name of missing) deps.warn(`The "${name}" variable is not set. Defaulting to a blank string.`);
  if (options.isInterpolated) checkSchema(tree, file);
  if (tree["version"] !== undefined)
    deps.warn(
      `${file}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
    );
  return { tree: canonicalize(without(tree, "version")), cleared: parsed.cleared };
}

async function extendServices(
  deps: LoadDeps,
  options: LoadOptions,
  file: string,
  tree: Dict,
  cleared: readonly Path[],
): Promise<Dict> {
  const services = dictOf(tree["services"]);
  const done: Record<string, Tree> = {};
  for (const name of Object.keys(services))
    done[name] = await extendService({ deps, options, file, services, cleared }, name, []);
  return Object.keys(services).length === 0 ? tree : { ...tree, services: done };
}

interface Extending {
  readonly deps: LoadDeps;
  readonly options: LoadOptions;
  readonly file: string;
  readonly services: Dict;
  readonly cleared: readonly Path[];
}

async function extendService(from: Extending, name: string, seen: readonly string[]): Promise<Tree> {
  const service = from.services[name] ?? null;
  if (!isDict(service) || !isDict(service["extends"])) return service;
  const base = textOf(service["extends"]["service"]) ?? "";
  const other = textOf(service["extends"]["file"]);
  const key = `${from.file}\0${name}`;
  if (seen.includes(key)) throw new Fault("invalid", `Circular reference with extends: ${name}`);
  const source = other === undefined ? from : await openExtended(from, other);
  if (source.services[base] === undefined)
    throw new Fault(
      "invalid",
      `cannot extend service "${name}" in ${source.file}: service "${base}" not found`,
    );
  const extended = await extendService(source, base, [...seen, key]);
  const local = source === from ? extended : resolveService(extended, source.file, from.deps.home);
  const cleared = from.cleared
    .filter(([section, owner]) => section === "services" && owner === name)
    .reduce<Tree>((tree, path) => dropAt(tree, path.slice(2)), local);
  return mergeTrees(without(dictOf(cleared), "extends"), without(service, "extends"), ["services", name]);
}

async function openExtended(from: Extending, other: string): Promise<Extending> {
  const path = resolvePath(other, from.file === "" ? from.options.folder : folderOf(from), from.deps.home);
  const { tree, cleared } = await loadFile(from.deps, from.options, path);
  return { ...from, file: path, services: dictOf(tree["services"]), cleared };
}

/** Files named by the project's own are looked for in the project directory, those of others beside them. */
function folderOf(from: Extending): string {
  return from.options.files.includes(from.file) ? from.options.folder : dirname(from.file);
}

function resolveService(service: Tree, file: string, home: string): Tree {
  const tree = resolvePaths({ services: { x: service } }, dirname(file), home);
  return dictOf(tree["services"])["x"] ?? null;
}

async function includeFiles(
  deps: LoadDeps,
  options: LoadOptions,
  tree: Dict,
  including: readonly string[],
): Promise<Dict> {
  let merged: Tree = without(tree, "include");
  for (const item of listOf(tree["include"])) {
    const included = await includeOne(deps, options, isDict(item) ? item : { path: item }, including);
    for (const section of ["services", "networks", "volumes", "secrets", "configs", "models"])
      checkConflicts(section, dictOf(merged), included);
    merged = mergeTrees(included, merged);
  }
  return dictOf(merged);
}

async function includeOne(
  deps: LoadDeps,
  options: LoadOptions,
  include: Dict,
  including: readonly string[],
): Promise<Dict> {
  const listed = (value: Tree | undefined) =>
    (isList(value) ? value : value === undefined ? [] : [value]).map(String);
  const files = listed(include["path"]).map((path) => resolve(options.folder, path));
  for (const file of files)
    if (including.includes(file))
      throw new Fault("invalid", `include cycle detected:\n${including[0]}\n include ${file}`);
  const own = textOf(include["project_directory"]);
  const folder = own === undefined ? dirname(files[0] ?? options.folder) : resolve(options.folder, own);
  const environment = await includedEnvironment(deps, options, folder, listed(include["env_file"]));
  return without(await loadTree(deps, { ...options, files, folder, environment }, including), "name");
}

async function includedEnvironment(
  deps: LoadDeps,
  options: LoadOptions,
  folder: string,
  given: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const files =
    given.length === 0 ? [resolve(folder, ".env")] : given.map((file) => resolve(options.folder, file));
  const found: Record<string, string> = {};
  for (const file of files) {
    const text = await deps.readText(file).catch((error: unknown) => {
      if (given.length > 0 && basename(file) !== "null") throw error;
    });
    if (text === undefined) continue;
    for (const [name, value] of parseDotenv(text, (key) => options.environment[key] ?? found[key]))
      found[name] = value;
  }
  return { ...found, ...options.environment };
}

function checkConflicts(section: string, own: Dict, included: Dict): void {
  const mine = dictOf(own[section]);
  for (const [name, value] of Object.entries(dictOf(included[section])))
    if (Object.hasOwn(mine, name) && JSON.stringify(mine[name]) !== JSON.stringify(value))
      throw new Fault("invalid", `${section}.${name} conflicts with imported resource`);
}
