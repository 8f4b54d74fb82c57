import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDockerignore } from "#oci/dockerfile/ignore.ts";
import { packBytes, type PackOptions, packTree } from "./pack-tree.ts";

/** Files of a context belong to root, whoever sends them. */
const root = { uid: 0, gid: 0 } as const;

/**
 * A folder as a build's context: without what its `.dockerignore` names, but with the Dockerfile and `.dockerignore` themselves.
 *
 * @param added files that are not in the folder
 */
export async function* folderArchive(
  folder: string,
  dockerfile: string,
  added: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [],
): AsyncGenerator<Uint8Array> {
  for (const { name, bytes } of added) yield* packBytes(name, bytes);
  yield* packTree(folder, { name: "", followsTop: true, owner: root, ...ignoring(folder, dockerfile) });
}

function ignoring(folder: string, dockerfile: string): Pick<PackOptions, "isIgnored"> {
  const path = [join(folder, `${dockerfile}.dockerignore`), join(folder, ".dockerignore")].find((one) =>
    existsSync(one),
  );
  if (path === undefined) return {};
  const rules = parseDockerignore(readFileSync(path, "utf8"));
  const always = new Set([dockerfile, ".dockerignore"]);
  return {
    isIgnored(below, isFolder) {
      if (always.has(below) || !rules.ignores(below)) return "keep";
      const holdsWanted = isFolder && (rules.hasExceptions || dockerfile.startsWith(`${below}/`));
      return holdsWanted ? "look-inside" : "leave";
    },
  };
}
