import { Fault } from "#base/fault.ts";
import { decompressed } from "#engine/images/decompress.ts";
import { abortable } from "#engine/content/abortable.ts";
import { byteText } from "#engine/snapshots/rooted/paths.ts";
import { textNode } from "./copy-step.ts";
import type { Spool } from "./files/spool.ts";
import { emptyFolder, type FolderNode, noTime, readText } from "./files/tree.ts";
import { readTree } from "./files/tree-builder.ts";
import { hideBuildFiles, removeIgnored } from "./ignored.ts";
import { isGit, RemoteSources } from "./remote/remote-sources.ts";
import { contextText, isArchive, unpackFile } from "./sources.ts";

export interface OpenedContext {
  readonly root: FolderNode;
  readonly dockerfile: string;
}

/**
 * The context and the Dockerfile of a build: a tar archive, plain or compressed, or an address of one, of a Dockerfile alone, or of
 * a git repository.
 *
 * @param name of the Dockerfile in the context
 * @throws {Fault} `invalid` for what is no context; `exhausted` for a full disk
 */
export async function openContext(
  options: {
    readonly body: AsyncIterable<Uint8Array>;
    readonly remote: string;
    readonly name: string;
    /** Whoever calls disposes of them when the build is over. */
    readonly openSpool: () => Spool;
    /** For clones, while they are read. */
    readonly folder: string;
  },
  signal: AbortSignal,
): Promise<OpenedContext> {
  const { body, remote, name, openSpool, folder } = options;
  if (remote === "") {
    const root = await readTree(decompressed(abortable(body, signal)), openSpool());
    const dockerfile = findDockerfile(root, name);
    hideBuildFiles(root, dockerfile.path);
    return { root, dockerfile: dockerfile.text };
  }
  const root = await fetchContext(new RemoteSources(openSpool, folder), remote, name, openSpool, signal);
  const dockerfile = findDockerfile(root, name);
  removeIgnored(root, dockerfile.path);
  return { root, dockerfile: dockerfile.text };
}

/** As Docker does: `Dockerfile`, or `dockerfile` where there is no such one. @throws {Fault} `invalid` */
function findDockerfile(root: FolderNode, name: string): { readonly path: string; readonly text: string } {
  const names = name === "" || name === "Dockerfile" ? ["Dockerfile", "dockerfile"] : [name];
  for (const path of names) {
    const text = contextText(root, path);
    if (text === undefined) continue;
    if (text === "") throw new Fault("invalid", `The Dockerfile (${path}) cannot be empty`);
    return { path, text };
  }
  throw new Fault("invalid", `Cannot locate specified Dockerfile: ${names[0]}`);
}

async function fetchContext(
  sources: RemoteSources,
  remote: string,
  name: string,
  openSpool: () => Spool,
  signal: AbortSignal,
): Promise<FolderNode> {
  if (isGit(remote)) return await sources.clone(remote, false, signal);
  if (!/^https?:\/\//.test(remote))
    throw new Fault(
      "invalid",
      `remote could not be recognized as a URL or a git repository: ${remote.slice(0, 200)}`,
    );
  const file = await sources.download(remote, signal);
  if (await isArchive(file)) return await unpackFile(file, openSpool());
  const root = emptyFolder();
  const text = readText(file, 1 << 20, remote);
  root.children.set(byteText(name === "" ? "Dockerfile" : name), textNode(openSpool(), text, 0o644, noTime));
  return root;
}
