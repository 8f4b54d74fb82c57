import { posix } from "node:path";
import { byteText } from "#engine/snapshots/rooted/paths.ts";
import type { FolderNode } from "#engine/build/files/tree.ts";
import { contextText } from "#engine/build/sources.ts";
import { isRemote } from "#engine/build/remote/remote-sources.ts";
import { runMounts } from "#engine/build/stage-plan.ts";
import type { Instruction, Stage } from "#oci/dockerfile/instruction.ts";

/** Which files of a context a Dockerfile may want: none, these paths and what is below them, or any. */
export type Wanted =
  | { readonly kind: "none" | "all" }
  | { readonly kind: "some"; readonly paths: readonly string[] };

/** @param context name that `--from` says, or undefined for the main one */
export function wantedFiles(stages: readonly Stage[], context: string | undefined): Wanted {
  const paths = new Set<string>();
  for (const instruction of stages.flatMap(({ instructions }) => instructions))
    for (const source of sourcesOf(instruction, context)) {
      const clean = posix.join("/", source).slice(1).replace(/\/$/, "");
      if (clean === "" || clean.startsWith("*") || /[$\\]/.test(clean)) return { kind: "all" };
      paths.add(clean);
    }
  return paths.size === 0 ? { kind: "none" } : { kind: "some", paths: [...paths].sort() };
}

function sourcesOf(instruction: Instruction, context: string | undefined): readonly string[] {
  if (instruction.kind === "copy" || instruction.kind === "add") {
    if (instruction.flags.from?.toLowerCase() !== context) return [];
    return instruction.sources.filter((source) => instruction.kind === "copy" || !isRemote(source));
  }
  if (instruction.kind !== "run") return [];
  return runMounts(instruction.mounts, (text) => text.replaceAll("$", "\\$")).flatMap((mount) =>
    mount.type === "bind" && mount.from?.toLowerCase() === context ? [mount.source ?? "/"] : [],
  );
}

/** The patterns of a `.dockerignore`, as clients take them. */
export function excludePatterns(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map(cleanPattern);
}

function cleanPattern(line: string): string {
  const isException = line.startsWith("!");
  const clean = posix.normalize(isException ? line.slice(1).trim() : line).replace(/^\/(?=.)/, "");
  return `${isException ? "!" : ""}${clean}`;
}

/** What a folder has at its top, by name; undefined when there is no such file. @throws {Fault} `invalid` for a large one */
export function topText(root: FolderNode, name: string): string | undefined {
  return root.children.has(byteText(name)) || name.includes("/") ? contextText(root, name) : undefined;
}
