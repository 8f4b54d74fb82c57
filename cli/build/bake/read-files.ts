import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import { bakeTargetOf } from "../../compose/converge/build-target.ts";
import { openProject } from "../../compose/open-project.ts";
import type { Context } from "../../context.ts";
import {
  type BakeDefinition,
  emptyDefinition,
  mergeDefinitions,
  parseBakeJson,
  type RawTarget,
} from "./bake-definition.ts";
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

/** @throws {Fault} with bake's texts; `not-implemented` for HCL */
export async function parseBakeFiles(
  context: Context,
  files: readonly BakeSource[],
): Promise<BakeDefinition> {
  let definition = emptyDefinition;
  for (const { name, text, failure } of files) {
    if (failure !== undefined) throw new Fault("invalid", failure);
    definition = mergeDefinitions(definition, await parseBakeFile(context, name, text));
  }
  if (files.length === 0) throw new Fault("invalid", "couldn't find a bake definition");
  return definition;
}

async function parseBakeFile(context: Context, name: string, text: string): Promise<BakeDefinition> {
  if (name.endsWith(".hcl"))
    throw new Fault("not-implemented", `${name}: HCL is not supported: bake files are JSON or compose files`);
  if (name.endsWith(".json") || (name === "-" && text.trimStart().startsWith("{")))
    return parseBakeJson(text, name);
  if (/\.ya?ml$/.test(name)) return await composeDefinition(context, name);
  throw new Fault("invalid", `failed to parse ${name}: it is neither JSON nor a compose file`);
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
      ...(target["dockerfile-inline"] !== undefined && {
        "dockerfile-inline": target["dockerfile-inline"].replaceAll("${", "$${"),
      }),
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
