import { createHash } from "node:crypto";
import type { Decoded } from "../load/shape.ts";
import { anything, extensions } from "../load/shape.ts";
import type { Tree } from "../load/tree.ts";
import type { Project, Service } from "../model.ts";
import { escapeHtml, toPlain, writeJson } from "./json.ts";
import { toYaml } from "./yaml.ts";

/** The project as `config` prints it, in YAML. */
export function renderYaml(project: Project): string {
  const sections: Record<string, Decoded> = { name: project.name, services: mapOf(project.services) };
  for (const name of ["networks", "volumes", "secrets", "configs", "models"] as const)
    if (project[name].size > 0) sections[name] = mapOf(project[name]);
  if (project.extensions.size > 0) sections[extensions] = mapOf(project.extensions);
  return toYaml(sections);
}

/** The project as `config --format json` prints it. */
export function renderJson(project: Project): string {
  const sections = new Map<string, Decoded>([["name", project.name]]);
  sections.set("services", mapOf(project.services));
  for (const name of ["networks", "volumes", "secrets", "configs"] as const)
    if (project[name].size > 0) sections.set(name, mapOf(project[name]));
  for (const [name, value] of project.extensions) sections.set(name, value as Decoded);
  return escapeHtml(writeJson(toPlain(sections), ""));
}

/** What `--no-interpolate` prints: keys in order, values as they stand in the files. */
export function renderTree(tree: Tree): string {
  return toYaml(anything(tree));
}

/** The label by which compose, ours and the peer's, sees whether a container is still what its service says. */
export function serviceHash(service: Service): string {
  const {
    build: _,
    pull_policy: __,
    scale: ___,
    depends_on: ____,
    profiles: _____,
    deploy,
    ...kept
  } = service;
  const entries = Object.entries(service).flatMap(([key, value]) => {
    if (key === "deploy") {
      const { replicas: ______, ...rest } = deploy ?? {};
      return [[key, rest]];
    }
    return Object.hasOwn(kept, key) ? [[key, value]] : [];
  });
  const json = writeJson(toPlain(Object.fromEntries(entries) as Decoded));
  return createHash("sha256").update(escapeHtml(json)).digest("hex");
}

function mapOf(items: ReadonlyMap<string, unknown>): Decoded {
  return items as ReadonlyMap<string, Decoded>;
}
