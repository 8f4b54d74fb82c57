import type { PathStat } from "#api/docker/path-stat.ts";
import { existsSync, lstatSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, posix, resolve } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import { goMode } from "#client/archive-calls.ts";
import { type Context, defineCommand } from "../context.ts";
import { bool } from "../flags.ts";
import { formatBytes3 } from "../output/units.ts";
import { extractTree } from "../streams/extract-tree.ts";
import { packTree } from "../streams/pack-tree.ts";
import { standardInput } from "./archives.ts";

export const cp = defineCommand({
  usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  about: [
    "Copies files between a container, running or not, and this machine.",
    "'-' is a tar archive on standard input or output.",
  ].join("\n"),
  flags: {
    archive: bool("Keep owners", "a"),
    "follow-link": bool("Copy what a link at SRC_PATH points to", "L"),
    quiet: bool("Say nothing on a terminal", "q"),
  },
  operands: [2, 2],
  complete: ["file", "file"],
  examples: [
    ["gantry cp web:/etc/hosts .", "out"],
    ["gantry cp ./site/. web:/www", "a folder's content, in"],
  ],
  async run(context, values, [source = "", destination = ""]) {
    const from = splitPlace(source);
    const to = splitPlace(destination);
    if (from.container !== undefined && to.container !== undefined)
      throw new Fault("invalid", "copying between containers is not supported");
    if (from.container === undefined && to.container === undefined)
      throw new Fault("invalid", "must specify at least one container source");
    const options = { keepsOwner: values.archive, followsLink: values["follow-link"] };
    const said =
      from.container !== undefined
        ? await copyOut(context, from.container, from.path, to.path, options)
        : await copyIn(context, from.path, to.container ?? "", to.path, options);
    if (said !== undefined && !values.quiet && context.out.isTerminal) context.err.write(`${said}\n`);
    return 0;
  },
});

interface CopyOptions {
  readonly keepsOwner: boolean;
  readonly followsLink: boolean;
}

/** `CONTAINER:PATH`, or a path of this machine: whatever begins with a slash or a dot. */
function splitPlace(text: string): { readonly container?: string; readonly path: string } {
  const colon = text.indexOf(":");
  if (colon <= 0 || text.startsWith("/") || text.startsWith(".")) return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

const isDirectory = ({ mode }: PathStat) => (mode & goMode.directory) !== 0;
const isLink = ({ mode }: PathStat) => (mode & goMode.symlink) !== 0;
const endsAsFolder = (path: string) => /(^|\/)\.?$/.test(path);
const meansContent = (path: string) => /(^|\/)\.$/.test(path);

async function copyOut(
  context: Context,
  container: string,
  path: string,
  target: string,
  options: CopyOptions,
): Promise<string | undefined> {
  const { signal, out } = context;
  const engine = context.engine();
  let source = path;
  if (options.followsLink) {
    const stat = await engine.statPath(container, source, signal).catch(() => undefined);
    if (stat !== undefined && isLink(stat))
      source = posix.resolve("/", posix.dirname(source), stat.linkTarget);
  }
  const { stat, archive } = await engine.getArchive(container, source, signal);
  if (target === "-") {
    for await (const chunk of archive) out.write(chunk);
    return undefined;
  }
  const place = localPlace(
    target,
    isDirectory(stat),
    meansContent(path) ? "" : posix.basename(path) || stat.name,
    stat.name,
  );
  const bytes = await extractTree(archive, { ...place, keepsOwner: options.keepsOwner });
  return `Successfully copied ${formatBytes3(bytes)} to ${resolve(target)}`;
}

/** Where an archive with the top `top` goes. `name` is what it is called in a folder that is there; empty means its content. */
function localPlace(target: string, isFolder: boolean, name: string, top: string) {
  const path = resolve(target);
  const found = existsSync(path) ? statSync(path) : undefined;
  const renamed = (to: string) => (archived: string) => {
    const inner = archived.replace(/^\.?\/+/, "");
    if (inner === top || inner.startsWith(`${top}/`) || inner === `${top}/`)
      return to + inner.slice(top.length);
    return inner === "" || inner === "." ? to : `${to}/${inner}`;
  };
  if (found?.isDirectory()) return { folder: realpathSync(path), rename: renamed(name) };
  if (found !== undefined && isFolder) throw new Fault("invalid", "cannot copy directory");
  if (found !== undefined && target.endsWith("/")) throw new Fault("invalid", "not a directory");
  if (found === undefined && !isFolder && endsAsFolder(target))
    throw new Fault("invalid", "no such directory");
  const folder = dirname(path);
  if (!existsSync(folder))
    throw new Fault("not-found", `invalid output path: directory ${JSON.stringify(folder)} does not exist`);
  return { folder: realpathSync(folder), rename: renamed(basename(path)) };
}

async function copyIn(
  context: Context,
  source: string,
  container: string,
  target: string,
  options: CopyOptions,
): Promise<string | undefined> {
  const { signal } = context;
  const engine = context.engine();
  const { path, stat } = await containerPlace(context, container, target);
  const put = async (folder: string, archive: AsyncIterable<Uint8Array>) =>
    await engine.putArchive(container, folder, archive, { copyOwner: options.keepsOwner }, signal);
  if (source === "-") {
    if (stat === undefined || !isDirectory(stat))
      throw new Fault("invalid", `destination "${container}:${target}" must be a directory`);
    await put(path, standardInput());
    return undefined;
  }
  const local = statLocal(source, options.followsLink);
  let sent = 0;
  const counted = async function* (archive: AsyncIterable<Uint8Array>) {
    for await (const chunk of archive) {
      sent += chunk.length;
      yield chunk;
    }
  };
  const { folder, name } = targetOf(path, target, stat, source, local.isDirectory());
  const top = source.endsWith("/") && source.length > 1 ? source.slice(0, -1) : source;
  const followsTop = options.followsLink || endsAsFolder(source);
  await put(folder, counted(packTree(top || "/", { name, followsTop })));
  return `Successfully copied ${formatBytes3(sent)} to ${container}:${target}`;
}

function statLocal(source: string, follows: boolean) {
  try {
    return follows || endsAsFolder(source) ? statSync(source) : lstatSync(source);
  } catch {
    throw new Fault("not-found", `lstat ${resolve(source)}: no such file or directory`);
  }
}

/** What is at the path in the container, through a link when it is one. */
async function containerPlace(
  context: Context,
  container: string,
  target: string,
): Promise<{ readonly path: string; readonly stat?: PathStat }> {
  const engine = context.engine();
  const find = async (path: string) => {
    try {
      return await engine.statPath(container, path, context.signal);
    } catch (error) {
      if (!isFault(error, "not-found")) throw error;
      // A HEAD has no words: the container's absence is told by asking for it.
      await engine.inspectContainer(container, context.signal);
      return undefined;
    }
  };
  const stat = await find(target);
  if (stat === undefined || !isLink(stat)) return { path: target, ...(stat === undefined ? {} : { stat }) };
  const path = posix.resolve("/", posix.dirname(target), stat.linkTarget);
  const behind = await find(path);
  return { path, ...(behind === undefined ? {} : { stat: behind }) };
}

function targetOf(
  path: string,
  asked: string,
  stat: PathStat | undefined,
  source: string,
  isFolder: boolean,
): { readonly folder: string; readonly name: string } {
  const own = meansContent(source) ? "" : basename(resolve(source));
  if (stat !== undefined && isDirectory(stat)) return { folder: path || "/", name: own };
  if (stat !== undefined && isFolder) throw new Fault("invalid", "cannot copy directory");
  if (stat !== undefined && asked.endsWith("/")) throw new Fault("invalid", "not a directory");
  if (stat === undefined && !isFolder && endsAsFolder(asked)) throw new Fault("invalid", "no such directory");
  const plain = path.replace(/\/+$/, "");
  return { folder: posix.dirname(posix.resolve("/", plain)), name: posix.basename(plain) };
}
