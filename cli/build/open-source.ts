import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import type { BuildOptions } from "./build-options.ts";
import type { PlanParts } from "./plan-build.ts";
import { randomId } from "./random-id.ts";
import type { SyncSource } from "./session/file-sync.ts";

/** Where a build's files are: attributes that say so, and what the engine may ask us for. */
export interface Source {
  readonly attrs: ReadonlyMap<string, string>;
  readonly folders: Map<string, SyncSource>;
  readonly upload?: { readonly name: string; readonly archive: AsyncIterable<Uint8Array> };
}

const remote = /^(https?:\/\/|git:\/\/|ssh:\/\/|github\.com\/|git@)/;
/** The local name of a Dockerfile that does not stand in its context. */
const apart = "dockerfile-apart";

/** @throws {Fault} with buildx's texts */
export async function openSource(options: BuildOptions, parts: PlanParts): Promise<Source> {
  const main = await openMain(options, parts);
  const attrs = new Map(main.attrs);
  for (const [name, value] of Object.entries(options.contexts)) {
    if (remote.test(value) || /^(docker-image|input|target):/.test(value)) {
      attrs.set(`context:${name}`, value);
      continue;
    }
    if (value.startsWith("oci-layout://"))
      throw new Fault("not-implemented", `build context ${name}: oci-layout is not supported`);
    const path = contextFolder(name, value);
    const local = main.folders.has(name) ? `_${name}` : name;
    main.folders.set(local, { kind: "folder", path });
    attrs.set(`context:${name}`, `local:${local}`);
  }
  return { ...main, attrs };
}

function contextFolder(name: string, value: string): string {
  const found = statSync(value, { throwIfNoEntry: false });
  if (found === undefined)
    throw new Fault(
      "not-found",
      `failed to get build context ${name}: stat ${value}: no such file or directory`,
    );
  if (!found.isDirectory())
    throw new Fault("invalid", `failed to get build context ${name}: ${value} is not a directory`);
  return resolve(value);
}

async function openMain(options: BuildOptions, parts: PlanParts): Promise<Source> {
  const { context, dockerfile = "", dockerfileInline } = options;
  if (context === "-" && dockerfile === "-")
    throw new Fault("invalid", "invalid argument: can't use stdin for both build context and dockerfile");
  const given =
    dockerfileInline !== undefined
      ? Buffer.from(dockerfileInline)
      : dockerfile === "-"
        ? await allOf(parts.standardInput())
        : undefined;
  if (context === "-") return await openInput(parts.standardInput(), dockerfile, given);
  if (remote.test(context)) return openRemote(context, dockerfile, given);
  return openFolder(context, dockerfile, given);
}

function openRemote(context: string, dockerfile: string, given: Uint8Array | undefined): Source {
  const attrs = new Map([["context", context]]);
  if (given === undefined) {
    if (dockerfile !== "") attrs.set("filename", dockerfile);
    return { attrs, folders: new Map() };
  }
  attrs.set("dockerfilekey", apart);
  return { attrs, folders: new Map([[apart, inMemory(given)]]) };
}

function inMemory(dockerfile: Uint8Array): SyncSource {
  return { kind: "files", files: new Map([["Dockerfile", dockerfile]]) };
}

function openFolder(context: string, dockerfile: string, given: Uint8Array | undefined): Source {
  const folder = resolve(context);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true)
    throw new Fault("not-found", `unable to prepare context: path ${JSON.stringify(context)} not found`);
  const path = dockerfile === "" ? `${folder}/Dockerfile` : resolve(dockerfile);
  const name = basename(path);
  if (given === undefined && !existsSync(dirname(path)))
    throw new Fault("not-found", `resolve : lstat ${dirname(dockerfile)}: no such file or directory`);
  const local: SyncSource = given === undefined ? { kind: "folder", path: dirname(path) } : inMemory(given);
  return {
    attrs: new Map(given !== undefined || name === "Dockerfile" ? [] : [["filename", name]]),
    folders: new Map([
      ["context", { kind: "folder", path: folder }],
      ["dockerfile", local],
    ]),
  };
}

/** Standard input is an archive, compressed or not, or else a Dockerfile without a context. */
async function openInput(
  input: AsyncIterable<Uint8Array>,
  dockerfile: string,
  given: Uint8Array | undefined,
): Promise<Source> {
  const { head, whole } = await peek(input);
  if (isArchive(head)) {
    const name = randomId(12);
    const attrs = new Map([["context", `http://buildkit-session/${name}`]]);
    if (given === undefined && dockerfile !== "") attrs.set("filename", dockerfile);
    if (given !== undefined) attrs.set("dockerfilekey", apart);
    const folders = new Map(given === undefined ? [] : [[apart, inMemory(given)]]);
    return { attrs, folders, upload: { name, archive: whole } };
  }
  if (dockerfile !== "" || given !== undefined)
    throw new Fault("invalid", "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles");
  return {
    attrs: new Map(),
    folders: new Map<string, SyncSource>([
      ["context", { kind: "files", files: new Map() }],
      ["dockerfile", inMemory(await allOf(whole))],
    ]),
  };
}

function isArchive(head: Buffer): boolean {
  const magic = head.subarray(0, 6).toString("hex");
  return /^(1f8b|425a68|fd377a585a00|28b52ffd)/.test(magic) || head.subarray(257, 262).toString() === "ustar";
}

const headBytes = 1024;

/** The beginning of a stream, and the stream with it. */
async function peek(
  input: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Buffer; readonly whole: AsyncIterable<Uint8Array> }> {
  const rest = input[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  for (let size = 0; size < headBytes; ) {
    const { done, value } = await rest.next();
    if (done === true) break;
    pieces.push(value);
    size += value.length;
  }
  const whole = async function* () {
    yield* pieces;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  };
  return { head: Buffer.concat(pieces), whole: whole() };
}

async function allOf(input: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of input) pieces.push(piece);
  return Buffer.concat(pieces);
}
