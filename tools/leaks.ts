import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** An engine's folders, and the names that it gives to things in the kernel. */
export interface InstancePlaces {
  readonly root: string;
  readonly run: string;
  /** The bridge; links whose master it is are the instance's. */
  readonly bridge: string;
  readonly nftTable: string;
  /** What the host's ends of its veth pairs begin with. */
  readonly vethPrefix: string;
  /** The folder of its cgroups in every hierarchy. */
  readonly cgroup: string;
  /** Links that look like those of user-defined networks and are others'; without it none of these is looked at. */
  readonly foreignLinks?: ReadonlySet<string>;
}

/** What an instance has in the kernel and on disk: a line for each thing, without pids, equal lines for equal things. */
export type Traces = readonly string[];

/**
 * Everything that belongs to an instance now: processes, mounts, network namespaces that its processes hold, links, nft
 * elements, cgroups, files below its folders, rows of its database.
 */
export async function takeTraces(places: InstancePlaces): Promise<Traces> {
  const processes = processesOf(places);
  return [
    ...processes.map(({ name, commandLine }) => `process ${name}: ${commandLine}`),
    ...processes.flatMap((process) => namespacesHeldBy(process)),
    ...mountsOf(places),
    ...linksOf(places),
    ...(await nftLinesOf(places)),
    ...cgroupsOf(places),
    ...filesBelow(places.root, 3),
    ...filesBelow(places.run, 3),
    ...list(places.root)
      .filter((name) => name.endsWith(".db"))
      .flatMap((name) => rowsOf(join(places.root, name))),
  ].sort();
}

/** Lines of `after` that are not in `before`, counting equal ones. */
export function newTraces(before: Traces, after: Traces): Traces {
  const left = new Map<string, number>();
  for (const line of before) left.set(line, (left.get(line) ?? 0) + 1);
  return after.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

/**
 * Looks until nothing is new since `before`, because pools refill and the kernel takes namespaces apart in its own time.
 *
 * @throws {Error} naming what is new when some of it is still there after `withinMs`
 */
export async function assertNoLeaks(
  before: Traces,
  places: InstancePlaces,
  options: { readonly withinMs?: number; readonly ignore?: RegExp } = {},
): Promise<void> {
  const { withinMs = 5000, ignore } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = newTraces(before, await takeTraces(places)).filter((line) => !ignore?.test(line));
    if (found.length === 0) return;
    if (performance.now() > deadline) throw new Error(`leaked:\n${found.join("\n")}`);
    await sleep(50);
  }
}

interface Process {
  readonly pid: string;
  readonly name: string;
  readonly commandLine: string;
}

/** Those that name the folders, work in them, or are in one of the cgroups. Whoever asks is not one of them. */
function processesOf(places: InstancePlaces): readonly Process[] {
  const found: Process[] = [];
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    if (pid === String(process.pid)) continue;
    const commandLine = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    const evidence = [commandLine, link(`/proc/${pid}/cwd`), link(`/proc/${pid}/root`)];
    const isNamed = evidence.some((text) => mentions(text, places.root) || mentions(text, places.run));
    if (!isNamed && !read(`/proc/${pid}/cgroup`).includes(`/${places.cgroup}/`)) continue;
    found.push({ pid, name: read(`/proc/${pid}/comm`).trim(), commandLine });
  }
  return found;
}

function mentions(text: string, folder: string): boolean {
  return new RegExp(`(^|[ =:])${RegExp.escape(folder)}(/| |$)`).test(text);
}

function namespacesHeldBy({ pid, name }: Process): readonly string[] {
  return list(`/proc/${pid}/fd`)
    .map((fd) => link(`/proc/${pid}/fd/${fd}`))
    .filter((target) => /^(net|mnt|pid|ipc|uts):\[/.test(target))
    .map((target) => `namespace ${target.slice(0, 3)} held by ${name}`);
}

function mountsOf({ root, run }: InstancePlaces): readonly string[] {
  return read("/proc/self/mountinfo")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , , , target = ""]) => [root, run].some((folder) => `${target}/`.startsWith(`${folder}/`)))
    .map(([, , , , target]) => `mount ${target}`);
}

function linksOf({ bridge, vethPrefix, foreignLinks }: InstancePlaces): readonly string[] {
  const isVeth = new RegExp(`^${vethPrefix}[0-9a-z]{7}$`);
  const names = list("/sys/class/net");
  // Where a cluster's node has the addresses that it answers at for its pods.
  const services = bridge.replace(/^gantry(.*)0$/, "gsvc$1");
  return [
    ...names.filter((name) => name === bridge || name === services).map((name) => `link ${name}`),
    ...names
      .filter((name) => isVeth.test(name) || basename(link(`/sys/class/net/${name}/master`)) === bridge)
      .map(() => "link of a container"),
    ...(foreignLinks === undefined
      ? []
      : networkLinks()
          .filter((name) => !foreignLinks.has(name))
          .map((name) => `link ${name} of a network`)),
  ];
}

/** Bridges of user-defined networks and what macvlan networks without a parent hang on, whosever they are. */
export function networkLinks(): readonly string[] {
  return list("/sys/class/net").filter((name) => /^(br|dm|dn)-[0-9a-f]{12}$/.test(name));
}

/**
 * What a process and its descendants have open: a line each, equal lines for equal things, sockets and pipes without their
 * numbers.
 */
export function openDescriptors(pid: number): Traces {
  const name = read(`/proc/${pid}/comm`).trim();
  const own = list(`/proc/${pid}/fd`)
    .map((fd) => link(`/proc/${pid}/fd/${fd}`))
    .filter((target) => target !== "")
    .map((target) => `${name} has ${target.replace(/:\[\d+\]$/, "").replace(/\/\d+\//g, "/N/")}`);
  const children = list(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).trim().split(" "),
  );
  return [
    ...own,
    ...children.filter((child) => child !== "").flatMap((child) => openDescriptors(Number(child))),
  ];
}

async function nftLinesOf({ nftTable }: InstancePlaces): Promise<readonly string[]> {
  const { stdout: tables } = await promisify(execFile)("nft", ["list", "tables"]);
  const own = tables
    .split("\n")
    .filter((line) => line.endsWith(` ${nftTable}`) || line.endsWith(` ${nftTable}_services`));
  const lines: string[] = [];
  for (const table of own) {
    const [, family = "", name = ""] = table.split(" ");
    const { stdout } = await promisify(execFile)("nft", ["-nn", "list", "table", family, name]);
    for (const line of stdout.split("\n")) lines.push(...elementsOf(line).map((text) => `nft ${text}`));
  }
  return lines;
}

/** Counters are no traces; elements of a set share a line. */
function elementsOf(line: string): readonly string[] {
  const text = line.replace(/counter packets \d+ bytes \d+/g, "counter").trim();
  return text
    .replace(/^elements = \{/, "")
    .split(",")
    .map((part) => part.replace(/\}$/, "").trim())
    .filter((part) => part !== "");
}

function cgroupsOf({ cgroup }: InstancePlaces): readonly string[] {
  const found: string[] = [];
  for (const hierarchy of ["", ...list("/sys/fs/cgroup")]) {
    const top = join("/sys/fs/cgroup", hierarchy, cgroup);
    for (const name of folders(top)) found.push(`cgroup ${join(top, name)}`);
  }
  return found;
}

function filesBelow(folder: string, depth: number): readonly string[] {
  if (depth === 0) return [];
  const entries = readEntries(folder).filter(({ name }) => !/\.db-(wal|shm|journal)$/.test(name));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return [`file ${path}`, ...(entry.isDirectory() ? filesBelow(path, depth - 1) : [])];
  });
}

/** One line for each row, so that a difference says how many there are more. */
function rowsOf(path: string): readonly string[] {
  if (read(path).length === 0) return [];
  using database = new DatabaseSync(path, { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return tables.flatMap(({ name }) => {
    const table = String(name);
    // The scrubber notes down images when it gets to them: only those that are gone must not be in it.
    const ofNobody = table === "image_looks" ? "WHERE image_id NOT IN (SELECT id FROM images)" : "";
    const count = database.prepare(`SELECT count(*) AS count FROM "${table}" ${ofNobody}`).get()?.["count"];
    return Array.from({ length: Number(count) }, () => `row of ${table}`);
  });
}

// Things disappear while they are looked at: what is gone is empty.

function read(path: string): string {
  return orEmpty(() => readFileSync(path, "latin1"), "");
}

function link(path: string): string {
  return orEmpty(() => readlinkSync(path), "");
}

function list(path: string): readonly string[] {
  return orEmpty(() => readdirSync(path), []);
}

function readEntries(path: string) {
  return orEmpty(() => readdirSync(path, { withFileTypes: true }), []);
}

function folders(path: string): readonly string[] {
  return readEntries(path)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function orEmpty<T>(look: () => T, empty: T): T {
  try {
    return look();
  } catch (error) {
    if (
      ["ENOENT", "ESRCH", "EINVAL", "ENOTDIR", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")
    )
      return empty;
    throw error;
  }
}
