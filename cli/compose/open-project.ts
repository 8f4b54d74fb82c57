import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import type { Context } from "../context.ts";
import type { GroupValues } from "./group-flags.ts";
import { parseDotenv } from "./load/dotenv.ts";
import { defaultName, loadProject, type ProjectOptions } from "./load/load-project.ts";
import type { LoadDeps } from "./load/load-tree.ts";
import { withoutUnused } from "./load/select.ts";
import type { Project } from "./model.ts";

const names = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const overrides = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

/** Where a project is and how it is to be read, from flags, `COMPOSE_` variables and `.env`. */
export function projectOptions(context: Context, values: GroupValues): ProjectOptions {
  const cwd = process.cwd();
  const given = values.file.length > 0 ? values.file : undefined;
  const folderOfFirst = given === undefined || given[0] === "-" ? cwd : dirname(resolve(cwd, given[0] ?? ""));
  const start =
    values["project-directory"] === undefined ? folderOfFirst : resolve(cwd, values["project-directory"]);
  const environment = readEnvironment(context, values, start);
  const separator = environment["COMPOSE_PATH_SEPARATOR"] ?? ":";
  const named =
    given ?? (environment["COMPOSE_FILE"] ? environment["COMPOSE_FILE"].split(separator) : undefined);
  const files =
    named?.map((file) => (file === "-" ? file : resolve(given === undefined ? start : cwd, file))) ??
    discover(start);
  const first = files[0];
  const folder =
    values["project-directory"] !== undefined || first === undefined || first === "-"
      ? start
      : dirname(first);
  const name = values["project-name"] ?? (environment["COMPOSE_PROJECT_NAME"] || undefined);
  if (name !== undefined) checkName(name);
  return {
    files,
    folder,
    environment: folder === start ? environment : readEnvironment(context, values, folder),
    isInterpolated: true,
    isResolved: true,
    profiles:
      values.profile.length > 0
        ? values.profile
        : (environment["COMPOSE_PROFILES"] ?? "").split(",").filter(Boolean),
    ...(name === undefined ? {} : { name }),
  };
}

function checkName(name: string): void {
  if (/^[a-z0-9][a-z0-9_-]*$/.test(name)) return;
  throw new Fault(
    "invalid",
    `invalid project name ${JSON.stringify(name)}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
  );
}

function readEnvironment(
  context: Context,
  values: GroupValues,
  folder: string,
): Readonly<Record<string, string>> {
  const own = Object.fromEntries(
    Object.entries(context.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  const listed = own["COMPOSE_ENV_FILES"]?.split(",").filter(Boolean) ?? [];
  const given = values["env-file"].length > 0 ? values["env-file"] : listed;
  const files = given.length > 0 ? given.map((file) => resolve(process.cwd(), file)) : [join(folder, ".env")];
  const found: Record<string, string> = {};
  for (const file of files) {
    if (given.length === 0 && !existsSync(file)) continue;
    if (!existsSync(file)) throw new Fault("not-found", `couldn't find env file: ${file}`);
    try {
      const parsed = parseDotenv(readFileSync(file, "utf8"), (key) => own[key] ?? found[key]);
      for (const [key, value] of parsed) found[key] = value;
    } catch (error) {
      if (!isFault(error)) throw error;
      throw new Fault(error.kind, `failed to read ${file}: ${error.message}`, { cause: error });
    }
  }
  return { ...found, ...own, ...(values.compatibility ? { COMPOSE_COMPATIBILITY: "1" } : {}) };
}

/** The compose file of a folder or of one above it, with its override file. */
function discover(from: string): readonly string[] {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = names.find((file) => existsSync(join(folder, file)));
    if (found !== undefined) {
      const over = overrides.find((file) => existsSync(join(folder, file)));
      return [join(folder, found), ...(over === undefined ? [] : [join(folder, over)])];
    }
    if (dirname(folder) === folder) return [];
  }
}

export function loadDeps(context: Context): LoadDeps {
  return {
    home: context.env["HOME"] ?? homedir(),
    warn: (message) => warn(context, message),
    async readText(path) {
      if (path === "-") return readFileSync(0, "utf8");
      return await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== "ENOENT" && cause.code !== "ENOTDIR") throw cause;
        throw new Fault("not-found", `open ${path}: no such file or directory`, { cause });
      });
    },
  };
}

/** A warning as compose writes it: for people on a terminal, for log readers elsewhere. */
export function warn({ err, now }: Context, message: string): void {
  if (err.isTerminal) err.write(`\u001b[33mWARN\u001b[0m[0000] ${message} \n`);
  else {
    const time = now()
      .toISOString()
      .replace(/\.\d+Z$/, "Z");
    err.write(`time="${time}" level=warning msg=${JSON.stringify(message)}\n`);
  }
}

/** @throws {Fault} `not-found` when there is no compose file, `invalid` for what is wrong with it */
export async function openProject(context: Context, values: GroupValues): Promise<Project> {
  const options = projectOptions(context, values);
  if (options.files.length === 0) throw new Fault("not-found", "no configuration file provided: not found");
  const project = await loadProject(loadDeps(context), options);
  checkName(project.name);
  const named = { ...project, files: project.files.map((file) => (isAbsolute(file) ? file : "-")) };
  return values["all-resources"] ? named : withoutUnused(named);
}

/** The project's name without reading more than is needed: enough for what works on containers alone. */
export async function openProjectOrName(context: Context, values: GroupValues): Promise<Project> {
  const options = projectOptions(context, values);
  if (options.files.length > 0 || options.name === undefined) return await openProject(context, values);
  return emptyProject(options.name ?? defaultName(options.folder), options);
}

export function emptyProject(name: string, { folder, files, environment }: ProjectOptions): Project {
  const none = new Map<string, never>();
  return {
    name,
    folder,
    files,
    environment,
    services: none,
    disabled: none,
    networks: none,
    volumes: none,
    secrets: none,
    configs: none,
    models: none,
    extensions: none,
  };
}
