import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Spool } from "./spool.ts";

/** A file that a client lists: what it is, as far as anybody can tell without reading it. */
export interface ListedFile {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
}

/** Where its content is. */
export interface KeptContent {
  readonly spool: Spool;
  readonly position: number;
  readonly sha256: string;
}

/** What there is of a client's folder from the last time. Disposing of it frees its files. */
export interface KeptContext extends Disposable {
  /** For what comes anew. */
  readonly spool: Spool;
  /** Undefined when the file is not here, or not as it is listed now. */
  find(file: ListedFile): KeptContent | undefined;
  /** From now on the context is this: what is not among it is forgotten. */
  keep(files: readonly (ListedFile & KeptContent)[]): Promise<void>;
}

/** For people, and for who removes what is not needed. */
export interface KeptSummary {
  readonly key: string;
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
}

interface Header {
  readonly version: 1;
  readonly boot: string;
  readonly name: string;
  readonly created: string;
  /** Bytes of the data file. */
  readonly size: number;
}

/** Path, identity, position, and digest of one file. */
type Line = readonly [path: string, identity: string, position: number, sha256: string];

const maxContexts = 32;
const maxTotalBytes = 4 * 1024 ** 3;
const headerBytes = 4096;
/** Files that are written within a tick of the kernel have the same time; a tick has 10 ms at most. */
const tickMs = 20;

/**
 * Files of clients' folders from one build to the next, so that only what has changed is sent again. Two files count as the same
 * when path, mode, owner, size and time are. A time without a fraction of a second says too little, because archives give the same
 * one to many versions of a file: such files are never kept. Nor is anything over a reboot, so nothing has to reach the disk at once.
 *
 * @see docs/formats/build-cache.md
 */
export class KeptContexts {
  readonly #folder: string;
  readonly #now: () => number;
  readonly #busy = new Set<string>();

  /** @param now milliseconds since 1970 */
  constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
  }

  /**
   * What is kept by a name, for one transfer. Another one at the same time can read it, but what it gets is kept by nobody.
   *
   * @param openSpool for what comes anew when somebody else has the files
   */
  open(name: string, openSpool: () => Spool): KeptContext {
    const key = createHash("sha256").update(name).digest("hex");
    if (this.#busy.has(key)) return this.#openSecond(key, openSpool());
    const folder = join(this.#folder, key);
    this.#busy.add(key);
    try {
      const known = readIndex(folder);
      // Whoever still reads what was there has it open.
      if (known === undefined) rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const fd = openSync(join(folder, "data"), constants.O_RDWR | constants.O_CREAT, 0o600);
      const size = known?.header.size ?? 0;
      ftruncateSync(fd, size); // what a transfer that broke off has left
      return this.#context(key, { name, created: known?.header.created }, Spool.over(fd, size), known?.files);
    } catch {
      this.#busy.delete(key); // it is only to save time
      return withoutKept(openSpool());
    }
  }

  list(): readonly KeptSummary[] {
    const found: KeptSummary[] = [];
    for (const key of this.#keys())
      try {
        const index = join(this.#folder, key, "index");
        const { name, created } = headerOf(headOf(index));
        const { mtimeMs } = statSync(index);
        found.push({
          key,
          name,
          created,
          bytes: statSync(join(this.#folder, key, "data")).size,
          usedAt: Math.round(mtimeMs),
        });
      } catch {
        continue; // it goes, or is not yet whole
      }
    return found.toSorted((left, right) => left.usedAt - right.usedAt);
  }

  /** A build that uses it goes on with what it has open. */
  async remove(key: string): Promise<void> {
    await rm(join(this.#folder, key), { recursive: true, force: true });
  }

  #keys(): readonly string[] {
    try {
      return readdirSync(this.#folder);
    } catch {
      return []; // there never was one
    }
  }

  #openSecond(key: string, spool: Spool): KeptContext {
    const folder = join(this.#folder, key);
    try {
      const known = readIndex(folder);
      if (known === undefined) return withoutKept(spool);
      const old = Spool.over(openSync(join(folder, "data"), "r"), known.header.size);
      return {
        spool,
        find: finder(known.files, old),
        keep: async () => {},
        [Symbol.dispose]: () => {
          old[Symbol.dispose]();
          spool[Symbol.dispose]();
        },
      };
    } catch {
      return withoutKept(spool);
    }
  }

  #context(
    key: string,
    {
      name,
      created = new Date(this.#now()).toISOString(),
    }: { readonly name: string; readonly created: string | undefined },
    spool: Spool,
    known: ReadonlyMap<string, Line> = new Map(),
  ): KeptContext {
    const began = BigInt(this.#now() - tickMs) * 1_000_000n;
    const folder = join(this.#folder, key);
    return {
      spool,
      find: finder(known, spool),
      keep: async (files) => {
        // What changed while it was read may have changed again since.
        const sure = files.filter((file) => isTelling(file) && file.mtime < began);
        const isAsBefore =
          sure.length === known.size && sure.every((file) => known.get(file.path)?.[2] === file.position);
        if (isAsBefore) return await touch(folder, this.#now());
        if (isWasteful(sure, spool.size)) return await this.remove(key);
        const header: Header = { version: 1, boot: bootId(), name, created, size: spool.size };
        await writeIndex(folder, header, sure);
        await this.#bound();
      },
      [Symbol.dispose]: () => {
        this.#busy.delete(key);
        spool[Symbol.dispose]();
      },
    };
  }

  /** Those that were used the longest ago go when there are too many. */
  async #bound(): Promise<void> {
    const newest = this.list().toReversed();
    let bytes = 0;
    for (const [index, context] of newest.entries()) {
      bytes += context.bytes;
      if (index > 0 && (index >= maxContexts || bytes > maxTotalBytes)) await this.remove(context.key);
    }
    if ((newest[0]?.bytes ?? 0) > maxTotalBytes) await this.remove(newest[0]?.key ?? "");
  }
}

/** Nothing is known, and nothing is kept. */
export function withoutKept(spool: Spool): KeptContext {
  return {
    spool,
    find: () => undefined,
    keep: async () => {},
    [Symbol.dispose]: () => spool[Symbol.dispose](),
  };
}

function finder(known: ReadonlyMap<string, Line>, spool: Spool): KeptContext["find"] {
  return (file) => {
    const [, identity, position = 0, sha256 = ""] = known.get(file.path) ?? [];
    return identity !== undefined && identity === identityOf(file) ? { spool, position, sha256 } : undefined;
  };
}

function identityOf({ mode, uid, gid, size, mtime }: ListedFile): string {
  return `${mode} ${uid} ${gid} ${size} ${mtime}`;
}

function isTelling({ mtime }: ListedFile): boolean {
  return mtime % 1_000_000_000n !== 0n;
}

/** More than half of the data is of files as they were once: the next build begins anew. */
function isWasteful(files: readonly ListedFile[], dataBytes: number): boolean {
  const live = files.reduce((sum, { size }) => sum + size, 0);
  return dataBytes > 2 * live + (64 << 20);
}

/** Undefined for what is not there, of before the last boot, or not whole. */
function readIndex(
  folder: string,
): { readonly header: Header; readonly files: ReadonlyMap<string, Line> } | undefined {
  try {
    const text = readFileSync(join(folder, "index"));
    const header = headerOf(text);
    const { size } = statSync(join(folder, "data"));
    if (header.version !== 1 || header.boot !== bootId() || size < header.size) return undefined;
    const [, ...lines] = text.toString("utf8").split("\n");
    const files = new Map<string, Line>();
    for (const line of lines) {
      if (line === "") continue;
      const entry = JSON.parse(line) as Line;
      files.set(entry[0], entry);
    }
    return { header, files };
  } catch {
    return undefined;
  }
}

function headOf(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(headerBytes);
    return head.subarray(0, readSync(fd, head, 0, headerBytes, 0));
  } finally {
    closeSync(fd);
  }
}

function headerOf(index: Buffer): Header {
  const head = index.subarray(0, headerBytes).toString("utf8");
  return JSON.parse(head.slice(0, Math.max(head.indexOf("\n"), 0))) as Header;
}

/** As a whole or not at all. */
async function writeIndex(
  folder: string,
  header: Header,
  files: readonly (ListedFile & KeptContent)[],
): Promise<void> {
  const lines = files.map((file) =>
    JSON.stringify([file.path, identityOf(file), file.position, file.sha256] satisfies Line),
  );
  const [fresh, index] = [join(folder, "index.new"), join(folder, "index")];
  try {
    await writeFile(fresh, `${[JSON.stringify(header), ...lines].join("\n")}\n`, { mode: 0o600 });
    await rename(fresh, index);
  } catch {
    rmSync(folder, { recursive: true, force: true }); // removed meanwhile, or the disk is full
  }
}

async function touch(folder: string, nowMs: number): Promise<void> {
  await utimes(join(folder, "index"), nowMs / 1000, nowMs / 1000).catch(() => {});
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}
