import { Fault, isFault } from "#base/fault.ts";
import type { FileObject, Network, Project, Service, Volume } from "../model.ts";
import { checkConsistency } from "./consistency.ts";
import { parseDotenv, parseRawEnv } from "./dotenv.ts";
import { type LoadDeps, type LoadOptions, loadTree } from "./load-tree.ts";
import { normalize } from "./normalize.ts";
import { anything, type Kind } from "./shape.ts";
import { fileShape, modelShape, networkShape, serviceShape, volumeShape } from "./shapes.ts";
import { type Dict, dictOf, isDict, listOf, scalarText, textOf, type Tree, without } from "./tree.ts";

export interface ProjectOptions extends LoadOptions {
  /** As given by a flag or a variable; otherwise the files' own, otherwise the folder's. */
  readonly name?: string;
  readonly profiles: readonly string[];
  /** Whether `env_file` and `label_file` are read into the environment and the labels. */
  readonly isResolved: boolean;
}

/** The tree of a project with everything filled in, as `config --no-interpolate` shows it. */
export async function loadNormalized(deps: LoadDeps, options: ProjectOptions): Promise<Dict> {
  const given = options.name ?? (await nameInFiles(deps, options)) ?? defaultName(options.folder);
  const environment = { ...options.environment, COMPOSE_PROJECT_NAME: given };
  const tree = await loadTree(deps, { ...options, environment });
  return normalize(tree, { project: given, environment });
}

/**
 * Loads a project and checks that it makes sense.
 *
 * @throws {Fault} `invalid` in the peer's words
 */
export async function loadProject(deps: LoadDeps, options: ProjectOptions): Promise<Project> {
  const tree = await loadNormalized(deps, options);
  const name = textOf(tree["name"]) ?? "";
  const environment = { ...options.environment, COMPOSE_PROJECT_NAME: name };
  const services: Record<string, Tree> = {};
  const isActive = (service: Tree | undefined) => isEnabled(dictOf(service), options.profiles);
  for (const [key, service] of Object.entries(dictOf(tree["services"])))
    services[key] = options.isResolved
      ? await withFiles(deps, dictOf(service), environment, isActive(service))
      : service;
  const decoded = decodeAll<Service>(services, serviceShape, "services");
  const project: Project = {
    name,
    folder: options.folder,
    files: options.files,
    environment,
    services: new Map([...decoded].filter(([key]) => isActive(services[key]))),
    disabled: new Map([...decoded].filter(([key]) => !isActive(services[key]))),
    networks: decodeAll<Network>(tree["networks"], networkShape, "networks"),
    volumes: decodeAll<Volume>(tree["volumes"], volumeShape, "volumes"),
    secrets: decodeAll<FileObject>(tree["secrets"], fileShape, "secrets"),
    configs: decodeAll<FileObject>(tree["configs"], fileShape, "configs"),
    models: decodeAll(tree["models"], modelShape, "models"),
    extensions: new Map(
      Object.entries(tree)
        .filter(([key]) => key.startsWith("x-"))
        .map(([key, value]) => [key, anything(value)]),
    ),
  };
  checkConsistency(project);
  return project;
}

function isEnabled(service: Dict, profiles: readonly string[]): boolean {
  const own = listOf(service["profiles"]).map(scalarText);
  return own.length === 0 || profiles.includes("*") || own.some((profile) => profiles.includes(profile));
}

function decodeAll<T>(section: Tree | undefined, shape: Kind, name: string): ReadonlyMap<string, T> {
  const entries = Object.entries(dictOf(section)).sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(entries.map(([key, item]) => [key, shape(dictOf(item), `${name}.${key}`) as T]));
}

/** `env_file` and `label_file` read and laid under what the service itself says. */
async function withFiles(
  deps: LoadDeps,
  service: Dict,
  environment: Readonly<Record<string, string>>,
  isRead: boolean,
): Promise<Dict> {
  const variables: Record<string, Tree> = {};
  const lookup = (name: string) => environment[name];
  for (const file of isRead ? listOf(service["env_file"]) : [])
    Object.assign(variables, await readEnvFile(deps, dictOf(file), lookup));
  const labels: Record<string, Tree> = {};
  for (const file of isRead ? listOf(service["label_file"]) : [])
    Object.assign(labels, Object.fromEntries(parseDotenv(await readLabels(deps, scalarText(file)), lookup)));
  const merged = { ...variables, ...dictOf(service["environment"]) };
  return {
    ...without(service, "env_file"),
    ...(Object.keys(merged).length > 0 ? { environment: merged } : {}),
    ...(Object.keys(labels).length > 0 ? { labels: { ...labels, ...dictOf(service["labels"]) } } : {}),
  };
}

async function readLabels(deps: LoadDeps, file: string): Promise<string> {
  return await deps.readText(file).catch((error: unknown) => {
    if (!isFault(error, "not-found")) throw error;
    throw new Fault("invalid", `label file ${file} not found: ${error.message}`, { cause: error });
  });
}

async function readEnvFile(
  deps: LoadDeps,
  file: Dict,
  lookup: (name: string) => string | undefined,
): Promise<Readonly<Record<string, string>>> {
  const path = scalarText(file["path"] ?? null);
  try {
    const text = await deps.readText(path);
    const isRaw = file["format"] === "raw";
    return Object.fromEntries(isRaw ? parseRawEnv(text) : parseDotenv(text, lookup));
  } catch (error) {
    if (isFault(error, "not-found") && (file["required"] === false || file["required"] === "false"))
      return {};
    if (isFault(error, "not-found"))
      throw new Fault("invalid", `env file ${path} not found: stat ${path}: no such file or directory`, {
        cause: error,
      });
    if (isFault(error))
      throw new Fault(error.kind, `failed to read ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function nameInFiles(deps: LoadDeps, options: ProjectOptions): Promise<string | undefined> {
  const { parseYaml } = await import("./parse-yaml.ts");
  const { substitute } = await import("./interpolate.ts");
  let found: string | undefined;
  for (const file of options.files) {
    const { tree } = parseYaml(await deps.readText(file), file);
    const name = isDict(tree) ? textOf(tree["name"]) : undefined;
    if (name !== undefined)
      found = substitute(
        name,
        (key) => options.environment[key],
        () => {},
      );
  }
  return found === undefined ? undefined : normalizeName(found);
}

/** The folder's name without what a project's name may not have. */
export function defaultName(folder: string): string {
  return normalizeName(folder.split("/").filter(Boolean).at(-1) ?? "");
}

function normalizeName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, "")
    .replace(/^[_-]+/, "");
}
