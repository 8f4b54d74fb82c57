import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, mkdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import { packPath } from "#engine/snapshots/rooted.ts";
import { byteText } from "#engine/snapshots/rooted/paths.ts";
import { removeTree } from "#engine/snapshots/folders.ts";
import type { CopyFlags } from "#oci/dockerfile/instruction.ts";
import type { Selected } from "../files/select.ts";
import type { Spool } from "../files/spool.ts";
import type { FileNode, FolderNode } from "../files/tree.ts";
import { readTree } from "../files/tree-builder.ts";
import { openRemote } from "./open-remote.ts";

/** Whether ADD takes it from elsewhere. */
export function isRemote(source: string): boolean {
  return /^https?:\/\//.test(source) || isGit(source);
}

/** `git@…`, `git://…`, `ssh://…`, or an address that ends in `.git`, with or without `#ref:folder`. */
export function isGit(source: string): boolean {
  return (
    /^(git:\/\/|ssh:\/\/|git@)/.test(source) ||
    /^https?:\/\/[^#?]+\.git(\?[^#]*)?(#.*)?$/.test(source) ||
    source.startsWith("github.com/")
  );
}

/** What a build takes from the network. Everything is on a spool when it resolves. */
export class RemoteSources {
  readonly #openSpool: () => Spool;
  readonly #folder: string;

  /**
   * @param openSpool whoever calls disposes of them when the build is over
   * @param folder for clones, while they are read
   */
  constructor(openSpool: () => Spool, folder: string) {
    this.#openSpool = openSpool;
    this.#folder = folder;
  }

  /** @throws {Fault} `invalid` for what cannot be fetched, or has another checksum than asked for */
  async fetch(source: string, flags: CopyFlags, signal: AbortSignal): Promise<Selected> {
    if (isGit(source)) {
      const node = await this.clone(source, flags.keepsGitDir, signal, flags.checksum);
      return { path: "", name: source, node };
    }
    const node = await this.download(source, signal);
    checkChecksum(source, node, flags.checksum);
    const name = posix.basename(new URL(source).pathname);
    if (name === "" || name === "/")
      throw new Fault("invalid", `cannot determine filename from url: ${source}`);
    return { path: byteText(name), name: source, node };
  }

  /** @throws {Fault} as {@link openRemote} */
  async download(address: string, signal: AbortSignal): Promise<FileNode> {
    const answer = await openRemote(address, signal);
    return await this.#take(answer, answer.headers["last-modified"], signal);
  }

  /** @throws {Fault} `invalid`; `precondition` when the host has no git */
  async clone(
    source: string,
    keepsGitDir: boolean,
    signal: AbortSignal,
    checksum?: string,
  ): Promise<FolderNode> {
    const { address, ref, folder, keeps = keepsGitDir, commit = checksum } = gitSource(source);
    if (address.startsWith("-") || ref.startsWith("-") || folder.split("/").includes(".."))
      throw new Fault("invalid", `invalid git source: ${source.slice(0, 200)}`);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const target = await mkdtemp(join(this.#folder, "git-"));
    try {
      await git(["init", "--quiet", target], signal);
      await fetchRef(target, address, ref === "" ? "HEAD" : ref, signal);
      await git(["-C", target, "checkout", "--quiet", "FETCH_HEAD"], signal);
      if (commit !== undefined) await checkCommit(target, commit, signal);
      const path = posix.join("/", folder, ".");
      const { tar } = await packPath(
        { kind: "folder", path: target },
        path.endsWith("/.") ? path : `${path}/.`,
        signal,
      );
      const tree = await readTree(tar, this.#openSpool());
      if (!keeps) tree.children.delete(".git");
      return tree;
    } finally {
      await removeTree(target);
    }
  }

  async #take(
    source: AsyncIterable<Buffer>,
    modified: string | undefined,
    signal: AbortSignal,
  ): Promise<FileNode> {
    const spool = this.#openSpool();
    const hash = createHash("sha256");
    for await (const chunk of source) {
      signal.throwIfAborted();
      spool.write(spool.reserve(chunk.length), chunk);
      hash.update(chunk);
    }
    const time = modified === undefined ? Number.NaN : Date.parse(modified);
    const mtime = { seconds: Number.isNaN(time) ? 0 : Math.floor(time / 1000), nanoseconds: 0 };
    const sha256 = hash.digest("hex");
    return { kind: "file", mode: 0o600, uid: 0, gid: 0, mtime, size: spool.size, sha256, spool, position: 0 };
  }
}

interface GitSource {
  readonly address: string;
  readonly ref: string;
  readonly folder: string;
  readonly keeps?: boolean;
  readonly commit?: string;
}

const gitKeys = ["ref", "branch", "tag", "subdir", "checksum", "commit", "keep-git-dir", "submodules"];

/**
 * `…#ref:folder`, or `…?ref=…&subdir=…&checksum=…&keep-git-dir=…`.
 *
 * @throws {Fault} `invalid` for a key that is none
 * @see Docker's documentation, "Build context", "URL queries"
 */
export function gitSource(source: string): GitSource {
  const [before = "", fragment = ""] = source.replace(/^github\.com\//, "https://github.com/").split("#");
  const [address = "", text = ""] = before.split("?");
  const query = new URLSearchParams(text);
  const unknown = [...query.keys()].find((key) => !gitKeys.includes(key));
  if (unknown !== undefined)
    throw new Fault("invalid", `unexpected query ${JSON.stringify(unknown.slice(0, 100))}`);
  const [ref = "", folder = ""] = fragment.split(":");
  const commit = query.get("checksum") ?? query.get("commit");
  const asked = query.get("tag") ?? query.get("branch") ?? query.get("ref");
  const keeps = query.get("keep-git-dir");
  return {
    address,
    ref: asked ?? ref,
    folder: query.get("subdir") ?? folder,
    ...(keeps !== null && { keeps: keeps === "" || keeps === "1" || keeps === "true" }),
    ...(commit !== null && { commit }),
  };
}

/** @param wanted the commit's name, or its beginning @throws {Fault} `invalid` */
async function checkCommit(target: string, wanted: string, signal: AbortSignal): Promise<void> {
  if (!/^[0-9a-f]{7,64}$/.test(wanted))
    throw new Fault("invalid", `invalid checksum ${wanted.slice(0, 100)}, expected hex commit hash`);
  const head = (await readFile(join(target, ".git", "HEAD"), "utf8")).trim();
  signal.throwIfAborted();
  if (!head.startsWith(wanted))
    throw new Fault("invalid", `expected checksum to match ${wanted}, got ${head.slice(0, 100)}`);
}

function checkChecksum(source: string, node: FileNode, checksum: string | undefined): void {
  if (checksum === undefined || checksum === `sha256:${node.sha256}`) return;
  throw new Fault("invalid", `digest mismatch sha256:${node.sha256}: ${checksum} (${source})`);
}

/** Only what is needed, unless the server has no way to give less than everything. */
async function fetchRef(target: string, address: string, ref: string, signal: AbortSignal): Promise<void> {
  const fetch = ["-C", target, "fetch", "--quiet"];
  try {
    await git([...fetch, "--depth=1", address, ref], signal);
  } catch (error) {
    if (!isFault(error, "invalid") || !error.message.includes("shallow")) throw error;
    await git([...fetch, address, ref], signal);
  }
}

/** No questions, no configuration of anybody's, no protocol that runs programs. */
async function git(args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn("git", ["-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    signal,
    env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent", GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_NOSYSTEM: "1" },
  });
  let complaint = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-2000);
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", (error) => {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    reject(isMissing ? new Fault("precondition", "cannot clone: git is not installed on this host") : error);
  });
  child.once("close", resolve);
  if ((await promise) !== 0)
    throw new Fault("invalid", `git ${args[0] === "-C" ? args[2] : args[0]} failed: ${complaint.trim()}`);
}
