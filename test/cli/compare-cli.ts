import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases, type CliCase, setUp } from "./commands.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Difference {
  readonly line: string;
  readonly docker: Outcome;
  readonly gantry: Outcome;
}

const timeoutMs = 30_000;

/**
 * Runs every case with `docker` and with the given program against one engine, in a folder and with a configuration of its own, and
 * resolves to those where they did not do the same.
 */
export async function compareCli(
  host: string,
  program: string,
  wantedCases: (one: CliCase) => boolean = () => true,
): Promise<{ readonly ran: number; readonly differences: readonly Difference[] }> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-cli-table-"));
  const differences: Difference[] = [];
  try {
    const work = join(folder, "work");
    mkdirSync(work);
    const wanted = cases.filter(wantedCases);
    const ready = await shell(`set -e\n${setUp}`, { host, folder, work });
    if (ready.code !== 0) throw new Error(`the set-up failed: ${ready.stderr}`);
    const place = { host, folder, work };
    const check = async (one: CliCase) => {
      const [docker, gantry] = [await runCase(one, "docker", place), await runCase(one, program, place)];
      if (!isSame(one, docker, gantry)) differences.push({ line: one.run, docker, gantry });
    };
    const looking = wanted.filter(({ isLooking }) => isLooking);
    await inParallel(looking, check);
    for (const one of wanted) if (!one.isLooking) await check(one);
    return { ran: wanted.length, differences };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Commands that change nothing may run side by side. */
async function inParallel(cases: readonly CliCase[], check: (one: CliCase) => Promise<void>): Promise<void> {
  const left = [...cases];
  const workers = Array.from({ length: 4 }, async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await check(one);
  });
  await Promise.all(workers);
}

interface Place {
  readonly host: string;
  readonly folder: string;
  readonly work: string;
}

async function runCase(one: CliCase, program: string, place: Place): Promise<Outcome> {
  const line = one.run.replaceAll(
    /(^|[;|(] *|&& *)D(?= |$)/gm,
    (_all, before: string) => `${before}${program}`,
  );
  const own = {
    ...place,
    folder: join(place.folder, program === "docker" ? "docker-config" : "gantry-config"),
  };
  const outcome = await shell(line, own);
  return {
    code: outcome.code,
    stdout: normalised(outcome.stdout, program, own),
    stderr: normalised(outcome.stderr, program, own),
  };
}

function isSame({ compare = "all" }: CliCase, a: Outcome, b: Outcome): boolean {
  if (a.code !== b.code) return false;
  if (compare === "code") return true;
  if (compare === "lines") return sorted(a.stdout) === sorted(b.stdout) && a.stderr === b.stderr;
  return a.stdout === b.stdout && (compare === "stdout" || a.stderr === b.stderr);
}

function sorted(text: string): string {
  return text.split("\n").sort().join("\n");
}

/** What differs for a reason: the program's name, its own hints, times that pass, IDs that are made anew. */
function normalised(text: string, program: string, { folder }: Place): string {
  return text
    .replaceAll(folder, "$CONFIG")
    .replaceAll(new RegExp(`\\b${program === "docker" ? "docker" : "gantry"}(?=[: '])`, "g"), "PROGRAM")
    .replace(/^DEPRECATED: The legacy builder(.*\n)*?\n/m, "")
    .replaceAll("SRun '", "See '")
    .replaceAll("Is the docker daemon running?", "Is the PROGRAM daemon running?")
    .replaceAll("to resolve docker endpoint", "to resolve PROGRAM endpoint")
    .replaceAll(/\n\nDid you mean [^\n]*\?/g, "")
    .replaceAll(/(About an? )?(\d+|a|an|Less than a) (second|minute|hour)s?( ago)?/g, "SPAN")
    .replaceAll(/About SPAN/g, "SPAN")
    .replaceAll(/SPAN +/g, "SPAN ")
    .replaceAll(/(CREATED|STATUS) +/g, "$1 ")
    .replaceAll(/^time=".*" level=error .*\n/gm, "")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/[0-9a-f]{64}/g, "ID")
    .replaceAll(/^[0-9a-f]{12}$/gm, "SHORTID");
}

async function shell(line: string, { host, folder, work }: Place): Promise<Outcome> {
  mkdirSync(folder, { recursive: true });
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const child = spawn("sh", ["-c", line], {
    cwd: work,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      DOCKER_HOST: host,
      DOCKER_CLI_HINTS: "0",
      DOCKER_BUILDKIT: "0",
      DOCKER_API_VERSION: "1.50",
      DOCKER_CONFIG: folder,
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(tmpdir(), "gantry-test-compile-cache"),
    },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => {
    stdout += bytes.toString("latin1");
  });
  child.stderr.on("data", (bytes: Buffer) => {
    stderr += bytes.toString("latin1");
  });
  const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), timeoutMs);
  child.on("error", reject);
  child.on("close", (code) => {
    clearTimeout(timer);
    resolve({ code: code ?? -1, stdout, stderr });
  });
  return await promise;
}

if (import.meta.main) {
  const [host, program, ...words] = process.argv.slice(2);
  if (host === undefined || program === undefined) {
    console.error("usage: compare-cli.ts HOST PROGRAM [WORD…]");
    process.exit(2);
  }
  const { ran, differences } = await compareCli(host, program, ({ run }) =>
    words.every((word) => run.includes(word)),
  );
  for (const { line, docker, gantry } of differences) {
    console.log(`\n$ ${line}   (${docker.code} / ${gantry.code})`);
    if (docker.stdout !== gantry.stdout)
      console.log(
        `--- stdout docker\n${docker.stdout.slice(0, 1500)}\n+++ gantry\n${gantry.stdout.slice(0, 1500)}`,
      );
    if (docker.stderr !== gantry.stderr)
      console.log(`--- stderr docker\n${docker.stderr}\n+++ gantry\n${gantry.stderr}`);
  }
  console.log(`${ran} commands, ${differences.length} differ`);
}
