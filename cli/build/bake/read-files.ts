import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import { bakeTargetOf } from "../../compose/converge/build-target.ts";
import { openProject } from "../../compose/open-project.ts";
import type { Context } from "../../context.ts";
import { type BakeDefinition, emptyDefinition, mergeDefinitions, type RawTarget } from "./bake-definition.ts";
import { readBlocks } from "./bake-blocks.ts";
import { normalFields } from "./normal-fields.ts";

const usualFiles = [
  "compose.yaml",
  "compose.yml",
  "docker-compose.yml",
  "docker-compose.yaml",
  "docker-bake.json",
  "docker-bake.hcl",
  "docker-bake.override.json",
  "docker-bake.override.hcl",
];

/** A file of bake's. */
export interface BakeSource {
  readonly name: string;
  readonly text: string;
  readonly failure?: string;
}

/** The files that flags name, or the environment, or those that are usual and there. */
export function bakeFiles(given: readonly string[], env: Context["env"]): readonly string[] {
  if (given.length > 0) return given;
  const separator = env["BUILDX_BAKE_PATH_SEPARATOR"] || ":";
  const named = env["BUILDX_BAKE_FILE"] ?? "";
  return named === "" ? usualFiles.filter((name) => existsSync(name)) : named.split(separator);
}

/** A file that cannot be read has a failure for its text: it is told when the files are taken apart. */
export function readBakeFile(name: string): BakeSource {
  try {
    return { name, text: readFileSync(name === "-" ? 0 : name, "utf8") };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return {
      name,
      text: "",
      failure: isAbsent ? `open ${name}: no such file or directory` : messageOf(error),
    };
  }
}

/**
 * Compose files, and then bake's own on top of them.
 *
 * @throws {Fault} with bake's texts
 */
export async function parseBakeFiles(
  context: Context,
  files: readonly BakeSource[],
): Promise<BakeDefinition> {
  if (files.length === 0) throw new Fault("invalid", "couldn't find a bake definition");
  for (const { failure } of files) if (failure !== undefined) throw new Fault("invalid", failure);
  let definition = emptyDefinition;
  for (const { name } of files)
    if (isCompose(name)) definition = mergeDefinitions(definition, await composeDefinition(context, name));
  const own = files.filter(({ name }) => !isCompose(name));
  const { os, architecture } = ownPlatform();
  const builtIn = { BAKE_CMD_CONTEXT: "", BAKE_LOCAL_PLATFORM: `${os}/${architecture}` };
  return own.length === 0 ? definition : mergeDefinitions(definition, readBlocks(own, context.env, builtIn));
}

function isCompose(name: string): boolean {
  return /\.ya?ml$/.test(name);
}

/** In the words of images. */
function ownPlatform(): { readonly os: string; readonly architecture: string } {
  const { platform, arch } = process;
  const architecture = arch === "x64" ? "amd64" : arch;
  return { os: platform === "win32" ? "windows" : platform, architecture };
}

/** Services that can be built are targets, all of them the default group. */
async function composeDefinition(context: Context, file: string): Promise<BakeDefinition> {
  const values = composeValues(file);
  const project = await openProject(context, values);
  const targets = new Map<string, RawTarget>();
  for (const [name, service] of [...project.services, ...project.disabled]) {
    if (service.build === undefined) continue;
    const { labels, tags } = service.build;
    const image = service.image === undefined ? undefined : [service.image];
    const {
      output: _output,
      labels: _labels,
      tags: _tags,
      ...target
    } = bakeTargetOf(project, name, service, {
      isQuiet: false,
    });
    targets.set(name, {
      ...target,
      context: shortPath(target.context ?? "."),
      ...(service.build.dockerfile !== undefined && { dockerfile: service.build.dockerfile }),
      ...(target.secret !== undefined && { secret: target.secret.map(shortSecret) }),
      ...(labels !== undefined && { labels: Object.fromEntries(labels) }),
      ...((tags ?? image) !== undefined && { tags: tags ?? image ?? [] }),
    });
  }
  const groups = new Map([["default", { targets: [...targets.keys()].sort() }]]);
  return { variables: new Map(), groups, targets };
}

/** A path as the user would say it. */
function shortPath(path: string): string {
  if (!path.startsWith("/")) return path;
  const way = relative(process.cwd(), path);
  return way === "" ? "." : way;
}

function shortSecret(secret: NonNullable<RawTarget["secret"]>[number]) {
  const { type: _type, src, ...fields } = normalFields(secret);
  return { ...fields, ...(src !== undefined && { src: shortPath(src) }) };
}

function composeValues(file: string): Parameters<typeof openProject>[1] {
  return {
    "all-resources": true,
    ansi: undefined,
    compatibility: false,
    "dry-run": false,
    "env-file": [],
    file: [file],
    parallel: undefined,
    profile: [],
    progress: undefined,
    "project-directory": undefined,
    "project-name": undefined,
  };
}
