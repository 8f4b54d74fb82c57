import { createHash } from "node:crypto";
import { posix } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import { byteText } from "#engine/snapshots/rooted/paths.ts";
import { expandHeredoc } from "#oci/dockerfile/expand.ts";
import type { InlineFile, InstructionOf } from "#oci/dockerfile/instruction.ts";
import type { TarTime } from "#oci/tar/entry.ts";
import type { BuildContext } from "./build-deps.ts";
import { parseChmod, parseChown } from "./copy-flags.ts";
import { digestOfEntries } from "./files/digest.ts";
import { checkName, type CopyRequest, type LayerEntry, type Owner, planCopy } from "./files/layer-plan.ts";
import { type Selected, selectNodes } from "./files/select.ts";
import type { Spool } from "./files/spool.ts";
import { type FileNode, type FolderNode, nodesBelow } from "./files/tree.ts";
import { isRemote, type RemoteSources } from "./remote/remote-sources.ts";
import { isArchive, layerFolders, lookupIn, selectFromLayers, unpackFile } from "./sources.ts";
import { chainOf, type StageState } from "./stage-state.ts";
import type { Variables } from "./variables.ts";

export type CopyInstruction = InstructionOf<"copy">;

/** Where a COPY takes its sources from. */
export type CopyFrom =
  | { readonly kind: "context"; readonly root: FolderNode }
  | { readonly kind: "layers"; readonly state: Pick<StageState, "layers"> };

export interface CopyPlan {
  readonly entries: readonly LayerEntry[];
  /** As Docker shows it in the history: `file:…`, `dir:…` or `multi:…`. */
  readonly shownDigest: string;
}

export interface CopyTools {
  readonly context: BuildContext;
  readonly variables: Variables;
  readonly spool: Spool;
  readonly remote: RemoteSources;
  readonly signal: AbortSignal;
  /** For what has no time of its own. */
  readonly mtime: TarTime;
  /** Whether it is done as BuildKit does it, which asks for less and gives more to the new owner. */
  readonly isBuildKit: boolean;
}

/**
 * Reads the sources of a COPY or ADD and plans the layer.
 *
 * @throws {Fault} with Docker's texts
 */
export async function planCopyStep(
  tools: CopyTools,
  state: StageState,
  instruction: CopyInstruction,
  from: CopyFrom,
): Promise<CopyPlan> {
  const { context, variables } = tools;
  const keyword = instruction.kind === "add" ? "ADD" : "COPY";
  const texts = instruction.sources.map((source) => variables.expand(source));
  const destination = variables.expand(instruction.destination);
  checkChecksum(instruction, texts);
  try {
    const selected = await selectSources(tools, instruction, texts, from);
    if (!tools.isBuildKit) {
      if (selected.length === 0) throw new Fault("invalid", "no source files were specified");
      if (selected.length > 1 && !destination.endsWith("/")) throw needsFolder(keyword);
    }
    const request = requestOf(tools, state, instruction, destination);
    const entries = await planEntries(
      tools,
      request,
      selected,
      instruction,
      lookupIn(context, chainOf(state)),
    );
    return { entries, shownDigest: shownDigest(selected, entries) };
  } catch (error) {
    if (!isFault(error) || error.message.startsWith("When using ")) throw error;
    throw new Fault(error.kind, `${keyword} failed: ${error.message}`, { cause: error });
  }
}

function checkChecksum({ flags }: CopyInstruction, sources: readonly string[]): void {
  if (flags.checksum === undefined) return;
  if (sources.length !== 1) throw new Fault("invalid", "checksum can't be specified for multiple sources");
  if (!sources.every(isRemote)) throw new Fault("invalid", "checksum requires HTTP(S) or Git sources");
}

function needsFolder(keyword: string): Fault {
  return new Fault(
    "invalid",
    `When using ${keyword} with more than one source file, the destination must be a directory and end with a /`,
  );
}

async function selectSources(
  tools: CopyTools,
  instruction: CopyInstruction,
  texts: readonly string[],
  from: CopyFrom,
): Promise<readonly Selected[]> {
  const { context, spool, remote, signal } = tools;
  const inline = instruction.inline.map((file) => inlineNode(tools, file));
  const selected: Selected[] = [];
  if (from.kind === "layers") {
    for (const text of texts)
      for (const found of await selectFromLayers(context, from.state.layers, [text], spool, signal))
        selected.push(withPivot(found, text, instruction.flags.parents));
    return [...selected, ...inline];
  }
  for (const text of texts)
    if (instruction.kind === "add" && isRemote(text))
      selected.push(await remote.fetch(text, instruction.flags, signal));
    else
      selected.push(
        ...selectNodes(from.root, text).map((found) => withPivot(found, text, instruction.flags.parents)),
      );
  return [...selected, ...inline];
}

/** With `--parents`, `/./` in a source says where the names that are kept begin. */
function withPivot(found: Selected, text: string, parents: boolean): Selected {
  const pivot = parents ? text.indexOf("/./") : -1;
  if (pivot < 0) return found;
  const depth = posix
    .normalize(text.slice(0, pivot))
    .split("/")
    .filter((part) => part !== "" && part !== ".").length;
  const parts = found.name.split("/");
  return { ...found, name: [...parts.slice(0, depth), ".", ...parts.slice(depth)].join("/") };
}

function inlineNode({ spool, variables, mtime }: CopyTools, file: InlineFile): Selected {
  const text = file.expands ? expandHeredoc(file.content, variables.expansion) : file.content;
  return { path: byteText(file.name), name: file.name, node: textNode(spool, text, 0o644, mtime) };
}

export function textNode(spool: Spool, text: string | Buffer, mode: number, mtime: TarTime): FileNode {
  const bytes = Buffer.from(text);
  const position = spool.reserve(bytes.length);
  spool.write(position, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { kind: "file", mode, uid: 0, gid: 0, mtime, size: bytes.length, sha256, spool, position };
}

function requestOf(
  { context, variables, mtime, isBuildKit }: CopyTools,
  state: StageState,
  { kind, flags, sources, inline }: CopyInstruction,
  destination: string,
): Omit<CopyRequest, "sources"> {
  const folders = layerFolders(context, chainOf(state));
  const owner: Owner | undefined =
    flags.chown === undefined
      ? flags.from === undefined
        ? { uid: 0, gid: 0 }
        : undefined
      : parseChown(variables.expand(flags.chown), context.files, folders);
  return {
    keyword: kind === "add" ? "ADD" : "COPY",
    destination: posix.resolve("/", state.config.WorkingDir ?? "/", destination),
    isFolder: /(^|\/)\.?$/.test(destination) || (!isBuildKit && sources.length + inline.length > 1),
    ...(isBuildKit && { ownsWay: true }),
    ...(owner !== undefined && { owner }),
    ...(flags.chmod !== undefined && { changeMode: parseChmod(variables.expand(flags.chmod)) }),
    exclude: flags.exclude.map((pattern) => variables.expand(pattern)),
    parents: flags.parents,
    mtime,
  };
}

/** Of ADD, archives of the context are unpacked; each is planned in its place. BuildKit gives their content to `--chown` too. */
async function planEntries(
  tools: CopyTools,
  request: Omit<CopyRequest, "sources">,
  selected: readonly Selected[],
  { kind, flags }: CopyInstruction,
  lookup: ReturnType<typeof lookupIn>,
): Promise<readonly LayerEntry[]> {
  const planned: LayerEntry[] = [];
  let plain: Selected[] = [];
  const flush = () => {
    if (plain.length > 0) planned.push(...planCopy({ ...request, sources: plain }, lookup));
    plain = [];
  };
  for (const source of selected) {
    const { node, name } = source;
    const unpacks = kind === "add" && node.kind === "file" && (flags.unpack ?? !isRemote(name));
    if (!unpacks || !(await isArchive(node))) {
      plain.push(source);
      continue;
    }
    flush();
    const tree = await unpackFile(node, tools.spool);
    planned.push(...planArchive(request, tree, lookup, tools.isBuildKit && flags.chown !== undefined));
  }
  flush();
  return unique(planned);
}

function planArchive(
  request: Omit<CopyRequest, "sources">,
  tree: FolderNode,
  lookup: ReturnType<typeof lookupIn>,
  isOwned: boolean,
): readonly LayerEntry[] {
  const empty: Selected = { path: "", name: "", node: { ...tree, children: new Map() } };
  const { changeMode: _, owner, ...plain } = request;
  const made = isOwned && owner !== undefined ? owner : { uid: 0, gid: 0 };
  const folders = planCopy({ ...plain, owner: made, sources: [empty], parents: false }, lookup);
  const prefix = byteText(request.destination.slice(1));
  const content = [...nodesBelow(tree)].map(({ path, node }) => {
    const full = prefix === "" ? path : `${prefix}/${path}`;
    checkName(full);
    const { uid, gid } = isOwned ? made : node;
    return { path: full, node, mode: node.mode, uid, gid };
  });
  return [...folders, ...content];
}

/** The last of several entries with one path counts; folders come before what is in them. */
function unique(entries: readonly LayerEntry[]): readonly LayerEntry[] {
  const last = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const before = last.get(entry.path);
    if (before !== undefined && before.node.kind !== "folder") last.delete(entry.path);
    last.set(entry.path, entry);
  }
  return [...last.values()];
}

function shownDigest(selected: readonly Selected[], entries: readonly LayerEntry[]): string {
  const [first] = selected;
  const kind = selected.length > 1 ? "multi" : first?.node.kind === "folder" ? "dir" : "file";
  const bare = entries.map((entry) => ({ ...entry, uid: 0, gid: 0 }));
  return `${kind}:${digestOfEntries(bare)}`;
}
