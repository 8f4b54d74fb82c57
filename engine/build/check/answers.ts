import { descriptionOf } from "#oci/dockerfile/check/definition.ts";
import type { CheckWarning } from "#oci/dockerfile/check/findings.ts";
import { type CheckedFile, type CheckFailure, checkText } from "#oci/dockerfile/check/report.ts";
import type { CheckedSyntax } from "#oci/dockerfile/check/syntax-checks.ts";
import type { Lines } from "#oci/dockerfile/source.ts";
import type { Outline } from "./outline.ts";

/** What a question about a Dockerfile is answered with, by the names that clients know. */
export type Answer = ReadonlyMap<string, string>;

function answer(result: unknown, text: string): Answer {
  return new Map([
    ["result.json", JSON.stringify(result, null, 2)],
    ["result.txt", text],
    ["version", "1.0.0"],
  ]);
}

const encoded = (text: string) => Buffer.from(text).toString("base64");

/** Nothing that is empty is told. */
function told<T extends object>(fields: T): Partial<T> {
  const isTold = ([, value]: [string, unknown]) =>
    value !== "" && value !== false && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(fields).filter(isTold)) as Partial<T>;
}

/** Each line is a range of its own. */
export function rangesOf({ first, last }: Lines) {
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    start: { line: first + index },
    end: { line: first + index },
  }));
}

function locationOf(lines: Lines | undefined) {
  return lines === undefined ? {} : { ranges: rangesOf(lines) };
}

/** @see github.com/moby/buildkit, frontend/subrequests/lint */
export function checkAnswer(
  warnings: readonly CheckWarning[],
  file: CheckedFile,
  failure: CheckFailure | undefined,
): Answer {
  const result = {
    warnings:
      warnings.length === 0
        ? null
        : warnings.map(({ rule, detail, lines }) => ({
            ruleName: rule.name,
            description: rule.description,
            url: rule.url,
            detail,
            location: locationOf(lines),
          })),
    sources: [{ filename: file.name, data: encoded(file.text), language: "Dockerfile" }],
    ...(failure !== undefined && {
      buildError: { message: failure.message, location: locationOf(failure.lines) },
    }),
  };
  const isFine = warnings.length === 0 && failure === undefined;
  return new Map([
    ...answer(result, checkText(warnings, file, undefined)),
    ["result.statuscode", isFine ? "0" : "1"],
  ]);
}

/** @see github.com/moby/buildkit, frontend/subrequests/outline */
export function outlineAnswer({ name, description, args, secrets, agents }: Outline, source: string): Answer {
  const mounts = (list: Outline["secrets"]) =>
    list.map(({ name: id, isRequired, lines }) =>
      told({ name: id, required: isRequired, location: locationOf(lines) }),
    );
  const result = told({
    name,
    description,
    args: args.map((arg) =>
      told({
        name: arg.name,
        description: arg.description,
        value: arg.value,
        location: locationOf(arg.lines),
      }),
    ),
    secrets: mounts(secrets),
    ssh: mounts(agents),
    sources: [encoded(source)],
  });
  const required = (list: Outline["secrets"]) =>
    list.map(({ name: id, isRequired }) => [id, isRequired ? "true" : ""]);
  const head = [
    ...(name === "" ? [] : [["TARGET:", name]]),
    ...(description === "" ? [] : [["DESCRIPTION:", description]]),
  ];
  const text = [
    `${table(head, 1)}\n`,
    section(
      ["BUILD ARG", "VALUE", "DESCRIPTION"],
      args.map((arg) => [arg.name, arg.value, arg.description]),
    ),
    section(["SECRET", "REQUIRED"], required(secrets)),
    section(["SSH", "REQUIRED"], required(agents)),
  ];
  return answer(result, text.join(""));
}

function section(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? "" : `${table([head, ...rows], 3)}\n`;
}

/** @see github.com/moby/buildkit, frontend/subrequests/targets */
export function targetsAnswer({ dockerfile, rawOf }: CheckedSyntax): Answer {
  const targets = dockerfile.stages.map(({ from, index }) => {
    const raw = rawOf.get(from);
    const { name = "", image, lines } = from;
    return told({
      name,
      default: index === dockerfile.stages.length - 1,
      description: raw === undefined ? "" : descriptionOf(raw, name),
      base: image,
      location: locationOf(lines),
    });
  });
  const rows = targets.map((target) => {
    const name = target.default === true ? `${target.name ?? ""} (default)`.trimStart() : target.name;
    return [name ?? "", target.description ?? ""];
  });
  const text = table([["TARGET", "DESCRIPTION"], ...rows], 1);
  return answer({ targets, sources: [encoded(dockerfile.text)] }, text);
}

const metadata = ["result.json", "result.txt"].map((name) => ({ name, description: "" }));
const requests = [
  {
    name: "frontend.outline",
    description: "List all parameters current build target supports",
    opts: [{ name: "target", description: "Target build stage" }],
  },
  { name: "frontend.targets", description: "List all targets current build supports", opts: [] },
  { name: "frontend.subrequests.describe", description: "List available subrequest types", opts: null },
].map(({ name, description, opts }) => ({
  name,
  version: "1.0.0",
  type: "rpc",
  description,
  opts,
  inputs: null,
  metadata,
  refs: null,
}));

/** @see github.com/moby/buildkit, frontend/subrequests */
export function describeAnswer(): Answer {
  const rows = requests.map(({ name, version, description }) => [
    name.replace(/^frontend\./, ""),
    version,
    description,
  ]);
  return answer(requests, table([["NAME", "VERSION", "DESCRIPTION"], ...rows], 1));
}

/** Columns as wide as they need to be, and so many spaces between them. */
function table(rows: readonly (readonly string[])[], padding: number): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + padding),
      )
      .join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}
