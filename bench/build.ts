// Builds on Docker sockets, podman and buildah side by side: cold (--no-cache), fully cached, and with one file of the context changed.
//   node bench/build.ts [--rounds=5] [--projects=project,big,copies,runs,wide] [--image=busybox] BUILDER…
// A BUILDER is NAME=KIND:WHERE[,pid=N][,cgroup=FOLDER]
//   classic:unix:///a.sock    docker build of the classic API
//   buildkit:unix:///a.sock   docker buildx build, where the buildx plugin is there
//   command:PREFIX            PREFIX build …, such as command:podman or command:"buildah --root /x"
// pid is that of a daemon: its peak memory is shown, and its processor time with that of its children. A cgroup's processor time
// (cpuacct or cgroup2) counts instead where one is given, for daemons whose helpers are not their children.
// The image must be there already. Rounds are interleaved, and begin with another builder each time. Those whose names begin with
// --ours (gantry) have a ratio to the best of the others that have the same client, or none: with a small project, most of the time is
// the client's.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { change, makeProject, type Project, projectNames } from "./build-projects.ts";

interface Builder {
  readonly name: string;
  readonly kind: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly pid?: number;
  readonly cgroup?: string;
}

interface Sample {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** 0 where there is no daemon. */
  readonly peakMiB: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    projects: { type: "string", default: projectNames.join(",") },
    image: { type: "string", default: "busybox" },
    ours: { type: "string", default: "gantry" },
  },
});
if (positionals.length < 2) throw new Error("name at least two builders");

function parseBuilder(given: string): Builder {
  const [, name = "", kind = "", where = "", more = ""] =
    /^([^=]+)=(classic|buildkit|command):([^,]+)((?:,(?:pid|cgroup)=[^,]+)*)$/.exec(given) ?? [];
  if (name === "") throw new Error(`what is ${given}? NAME=classic:…, NAME=buildkit:… or NAME=command:…`);
  const options = new Map(more.split(",").map((pair) => pair.split("=") as [string, string]));
  const pid = options.get("pid");
  const cgroup = options.get("cgroup");
  const words = where.split(" ");
  const commands: Readonly<Record<string, readonly string[]>> = {
    classic: ["docker", "build"],
    buildkit: ["docker", "buildx", "build", "--progress=plain", "--provenance=false"],
    command: [...words, words.includes("build") || words.includes("bud") ? "" : "build"].filter(Boolean),
  };
  return {
    name,
    kind,
    command: commands[kind] ?? [],
    environment:
      kind === "command" ? {} : { DOCKER_HOST: where, DOCKER_BUILDKIT: kind === "classic" ? "0" : "1" },
    ...(pid !== undefined && { pid: Number(pid) }),
    ...(cgroup !== undefined && { cgroup }),
  };
}

function fieldsOf(pid: number | string): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Of the process and all that it waited for, in ms: user, system and those of children. */
function ticksMs(fields: readonly string[], first: number, last: number): number {
  return fields.slice(first, last + 1).reduce((sum, field) => sum + Number(field), 0) * 10;
}

function treeCpuMs(root: number): number {
  const all = new Map<number, { readonly parent: number; readonly ms: number }>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)))
    try {
      const fields = fieldsOf(name);
      all.set(Number(name), { parent: Number(fields[1]), ms: ticksMs(fields, 11, 14) });
    } catch {} // gone meanwhile
  const isBelow = (pid: number): boolean => pid === root || (pid > 1 && isBelow(all.get(pid)?.parent ?? 0));
  return [...all].reduce((sum, [pid, { ms }]) => (isBelow(pid) ? sum + ms : sum), 0);
}

function cgroupCpuMs(folder: string): number {
  const acct = join(folder, "cpuacct.usage");
  if (existsSync(acct)) return Number(readFileSync(acct, "latin1")) / 1e6;
  return Number(/^usage_usec (\d+)/m.exec(readFileSync(join(folder, "cpu.stat"), "latin1"))?.[1]) / 1000;
}

/** Of the daemon with all that it started, and of the clients so far. */
function cpuMs({ pid, cgroup }: Builder): number {
  const clients = ticksMs(fieldsOf("self"), 13, 14);
  if (cgroup !== undefined) return clients + cgroupCpuMs(cgroup);
  return pid === undefined ? clients : clients + treeCpuMs(pid);
}

function resetPeak({ pid }: Builder): void {
  if (pid !== undefined) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function peakMiB({ pid }: Builder): number {
  if (pid === undefined) return 0;
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024;
}

async function run(builder: Builder, words: readonly string[]): Promise<void> {
  const [file = "", ...args] = [...builder.command, ...words];
  const env = { ...process.env, ...builder.environment };
  const child = spawn(file, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => {
    said = `${said}${bytes.toString()}`.slice(-2000);
  });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`${builder.name}: exit code ${String(code)}: ${said}`);
}

async function measure(builder: Builder, project: Project, options: readonly string[]): Promise<Sample> {
  resetPeak(builder);
  const cpu = cpuMs(builder);
  const begin = performance.now();
  await run(builder, [...options, "-t", `bench-build-${project.name}`, project.folder]);
  const wallMs = performance.now() - begin;
  return { wallMs, cpuMs: cpuMs(builder) - cpu, peakMiB: peakMiB(builder) };
}

const cases: readonly {
  readonly name: string;
  readonly options: readonly string[];
  readonly changes: boolean;
}[] = [
  { name: "cold", options: ["--no-cache"], changes: false },
  { name: "cached", options: [], changes: false },
  { name: "one file changed", options: [], changes: true },
];

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

function shown(list: readonly number[], best: number | undefined): string {
  const digits = median(list) < 100 ? 1 : 0;
  const [least, most] = [Math.min(...list), Math.max(...list)].map((number) => number.toFixed(digits));
  const ratio = best === undefined ? "" : ` ×${(median(list) / best).toFixed(2)}`;
  return `${median(list).toFixed(digits)} (${least}…${most})${ratio}`;
}

const isOurs = (index: number) => builders[index]?.name.startsWith(values.ours) === true;

/** Of those that are asked by the same client, or are their own; undefined when there is none. */
function bestFor(ours: number, medians: readonly number[]): number | undefined {
  const others = medians.filter((number, index) => {
    const kind = builders[index]?.kind;
    return !isOurs(index) && number > 0 && (kind === "command" || kind === builders[ours]?.kind);
  });
  return others.length === 0 ? undefined : Math.min(...others);
}

function printRows(title: string, samples: readonly (readonly Sample[])[]): void {
  const row = (unit: string, value: (sample: Sample) => number) => {
    const medians = samples.map((list) => median(list.map(value)));
    const cells = samples.map((list, index) =>
      medians[index] === 0
        ? "—"
        : shown(list.map(value), isOurs(index) ? bestFor(index, medians) : undefined),
    );
    console.log(`| ${[title, unit, ...cells].join(" | ")} |`);
  };
  row("ms", ({ wallMs }) => wallMs);
  row("ms of cpu", ({ cpuMs: ms }) => ms);
  row("peak MiB of the daemon", ({ peakMiB: size }) => size);
}

const builders = positionals.map(parseBuilder);
const parent = mkdtempSync(join(tmpdir(), "bench-build-"));
try {
  console.log(`| ${["build", "unit", ...builders.map(({ name }) => name)].join(" | ")} |`);
  console.log(`|${" --- |".repeat(builders.length + 2)}`);
  for (const name of values.projects.split(",")) {
    const project = makeProject(name, values.image, parent);
    for (const builder of builders) await measure(builder, project, []); // so that everybody has a cache
    for (const { name: what, options, changes } of cases) {
      const samples: Sample[][] = builders.map(() => []);
      for (let round = 0; round < Number(values.rounds); round++) {
        for (let turn = 0; turn < builders.length; turn++) {
          const index = (turn + round) % builders.length;
          if (changes) change(project); // each time: builders of one engine may share results
          samples[index]?.push(await measure(builders[index] as Builder, project, options));
        }
      }
      printRows(`${name}, ${what}`, samples);
    }
  }
} finally {
  rmSync(parent, { recursive: true, force: true });
}
