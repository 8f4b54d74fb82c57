import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeArchive } from "../support/busybox-image.ts";
import {
  type Command,
  cleanUp,
  type Expected,
  expectedEverywhere,
  normalisations,
  type Scenario,
  scenarios,
} from "./commands.ts";
import { olderDaemons } from "./older-daemons.ts";
import { mountScenarios } from "./mount-commands.ts";
import { optionScenarios } from "./option-commands.ts";

/**
 * Runs the scenarios against two daemons through the real docker CLI and prints what is not the same:
 *
 *     node test/differential/compare.ts unix:///a.sock unix:///b.sock [words of scenarios' names]
 *
 * Everything in both daemons is removed. With `LISTED=1` in the environment what has a listed reason is printed, too. Exit code 1 when something differs and has no reason listed.
 */
interface Side {
  readonly label: "a" | "b";
  readonly host: string;
  readonly folder: string;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const commandTimeoutMs = 40_000;

const [hostA, hostB, ...words] = process.argv.slice(2);
if (hostA === undefined || hostB === undefined) {
  console.error("usage: compare.ts HOST_A HOST_B [WORD…]");
  process.exit(2);
}
const base = mkdtempSync(join(tmpdir(), "gantry-compare-"));
const sides: readonly Side[] = [
  { label: "a", host: hostA, folder: join(base, "a") },
  { label: "b", host: hostB, folder: join(base, "b") },
];
const oldest = Math.min(...(await onBoth("docker version -f '{{.Server.APIVersion}}'")).map(minorOf));
/** One of them is from before API 1.44. */
const hasOlder = oldest < 44;
const showsListed = process.env["LISTED"] !== undefined;
const counts = { ran: 0, same: 0, listed: 0 };
try {
  mkdirSync(join(base, "image"));
  const archive = makeArchive(join(base, "image"), "bb:latest", { Cmd: ["sh"] });
  for (const scenario of [...scenarios, ...mountScenarios, ...optionScenarios])
    if (words.every((word) => scenario.name.includes(word)) && (scenario.needs ?? 0) <= oldest)
      await runScenario(scenario, archive);
} finally {
  await onBoth(cleanUp);
  rmSync(base, { recursive: true, force: true });
}
const differing = counts.ran - counts.same;
console.log(`${counts.ran} commands, ${differing} differ, ${counts.listed} with a listed reason`);
process.exitCode = differing === counts.listed ? 0 : 1;

async function runScenario(scenario: Scenario, archive: string): Promise<void> {
  for (const { folder } of sides) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
  }
  await onBoth(`${cleanUp}; docker load -q -i ${archive}`);
  for (const command of scenario.commands) {
    const line = typeof command === "string" ? command : command.run;
    const [a, b] = await onBoth(line);
    counts.ran += 1;
    if (a === undefined || b === undefined) continue;
    const { all, unlisted } = compare(command, a, b);
    if (all.length === 0) counts.same += 1;
    const isListed = all.length > 0 && (unlisted.length === 0 || isOlderWay(scenario, line));
    if (isListed) counts.listed += 1;
    const shown = isListed && showsListed ? all : unlisted;
    if (shown.length > 0 && (showsListed || !isListed))
      console.log(`\n# ${scenario.name}${isListed ? " (listed)" : ""}\n$ ${line}\n${shown.join("\n")}`);
  }
}

function minorOf({ stdout }: Outcome): number {
  return Number(stdout.split(".")[1]);
}

/** Whether one of the daemons is so old that it does this in its own way. */
function isOlderWay({ name }: Scenario, line: string): boolean {
  return hasOlder && olderDaemons.some(({ command }) => command.test(`${name}: ${line}`));
}

function onBoth(line: string): Promise<readonly Outcome[]> {
  return Promise.all(sides.map((side) => shell(side, line)));
}

function shell(side: Side, line: string): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const child = spawn("sh", ["-c", line], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: {
      PATH: `${import.meta.dirname}:${process.env["PATH"]}`,
      W: side.folder,
      DOCKER_HOST: side.host,
      DOCKER_CLI_HINTS: "0",
      DOCKER_CONFIG: "/nonexistent",
    },
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (bytes: Buffer) => {
      output[name] += bytes.toString();
    });
  const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), commandTimeoutMs);
  child.on("error", reject);
  child.on("close", (code) => {
    clearTimeout(timer);
    const plain = (text: string) => text.replaceAll(side.folder, "$W").replaceAll(side.host, "$HOST");
    resolve({ code: code ?? -1, stdout: plain(output.stdout), stderr: plain(output.stderr) });
  });
  return promise;
}

/** How the outcomes differ, and how they do where no reason for it is listed. */
function compare(
  command: Command,
  a: Outcome,
  b: Outcome,
): { readonly all: readonly string[]; readonly unlisted: readonly string[] } {
  const { compare: how = "lines", expected = [], differs } = typeof command === "string" ? {} : command;
  const all = differences(how, a, b, []);
  if (differs !== undefined) return { all, unlisted: [] };
  const known = [...expectedEverywhere, ...expected].filter(({ isOlder }) => isOlder !== true || hasOlder);
  return { all, unlisted: differences(how, a, b, known) };
}

type Comparison = "lines" | "set" | "shape" | "values" | "status";

function differences(how: Comparison, a: Outcome, b: Outcome, known: readonly Expected[]): readonly string[] {
  const codes = a.code === b.code ? [] : [`  exit code: a ${a.code}, b ${b.code}`];
  if (how === "status")
    return codes.length === 0 ? [] : [...codes, ...shownOutput("a", a), ...shownOutput("b", b)];
  const isOrdered = how === "lines";
  return [
    ...codes,
    ...differenceOf("stdout", linesOf(a.stdout, how), linesOf(b.stdout, how), known, isOrdered),
    ...differenceOf("stderr", linesOf(a.stderr, "lines"), linesOf(b.stderr, "lines"), known, isOrdered),
  ];
}

function shownOutput(label: string, { stdout, stderr }: Outcome): readonly string[] {
  return `${stdout}${stderr}`
    .split("\n")
    .filter(Boolean)
    .map((line) => `  ${label} ${line}`);
}

function linesOf(text: string, how: Exclude<Comparison, "status">): readonly string[] {
  if (how !== "shape" && how !== "values") return normalised(text).split("\n").filter(Boolean);
  try {
    return [...new Set(describe(JSON.parse(text), "", how === "values"))].sort();
  } catch {
    return normalised(text).split("\n").filter(Boolean);
  }
}

function normalised(text: string): string {
  return normalisations.reduce(
    (result, [pattern, replacement]) => result.replace(pattern, replacement),
    text.replaceAll("\r", ""),
  );
}

/** One line for each key and item: its path and its type, or its value. */
function describe(value: unknown, path: string, withValues: boolean): readonly string[] {
  if (Array.isArray(value))
    return value.length === 0
      ? [`${path}: []`]
      : value.flatMap((item) => describe(item, `${path}[]`, withValues));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return entries.length === 0
      ? [`${path}: {}`]
      : entries.flatMap(([key, item]) => describe(item, `${path}.${normalised(key)}`, withValues));
  }
  if (value === null) return [`${path}: null`];
  return [`${path}: ${withValues ? normalised(JSON.stringify(value)) : typeof value}`];
}

function differenceOf(
  stream: string,
  a: readonly string[],
  b: readonly string[],
  expected: readonly Expected[],
  isOrdered: boolean,
): readonly string[] {
  const isKnown = (line: string) => expected.some((one) => one.line.test(line));
  const onlyA = without(a, b).filter((line) => !isKnown(line));
  const onlyB = without(b, a).filter((line) => !isKnown(line));
  if (onlyA.length + onlyB.length > 0)
    return [...onlyA.map((line) => `  ${stream} a ${line}`), ...onlyB.map((line) => `  ${stream} b ${line}`)];
  const rest = (lines: readonly string[]) => lines.filter((line) => !isKnown(line)).join("\n");
  if (!isOrdered || rest(a) === rest(b)) return [];
  return [`  ${stream} a, in another order: ${a.join(" / ")}`, `  ${stream} b: ${b.join(" / ")}`];
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at === -1) return true;
    left.splice(at, 1);
    return false;
  });
}
