import { writeFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { type BakeDefinition } from "../build/bake/bake-definition.ts";
import { type BakeTarget, optionsOf } from "../build/bake/bake-target.ts";
import { describeMissing, missingEntitlements } from "../build/bake/entitlements.ts";
import { normalTarget } from "../build/bake/normal-fields.ts";
import { isLike, outputsWith, overridden, parseOverride } from "../build/bake/override.ts";
import { bakeFile } from "../build/bake/print.ts";
import { excerptOf } from "../build/bake/hcl/problem.ts";
import type { HclValue } from "../build/bake/hcl/syntax.ts";
import { bakeFiles, parseBakeFiles, readBakeFile } from "../build/bake/read-files.ts";
import { type Resolved, resolveTargets } from "../build/bake/resolve.ts";
import { buildFailure } from "../build/build-failure.ts";
import { buildMany, TargetFailure } from "../build/build-many.ts";
import { warn } from "../build/build-one.ts";
import { checkMany } from "../build/check-many.ts";
import { metadataFields } from "../build/metadata.ts";
import { openDisplay } from "../build/open-display.ts";
import type { Display } from "../build/progress/display.ts";
import { type Context, defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { bool, type FlagTable, type FlagValues, list, text } from "../flags.ts";

const flags = {
  allow: list("stringArray", "Something that a build may do: fs.read=PATH, fs.write=PATH, network.host, ssh"),
  builder: text("string", "Name of a builder: there is one, default"),
  call: text("string", "What to do: build, check, outline or targets", undefined, {
    shownDefault: '"build"',
  }),
  check: bool("Look for mistakes in the Dockerfiles, and build nothing"),
  file: list("stringArray", "A bake file (HCL or JSON) or a compose file", "f", { complete: "file" }),
  list: text("string", "List targets or variables", undefined, { complete: ["targets", "variables"] }),
  load: bool("Keep images in the engine, whatever else is done with them"),
  "metadata-file": text("string", "File to write facts about the results to", undefined, {
    complete: "file",
  }),
  "no-cache": bool("Do every step again"),
  print: bool("Print what would be built, and build nothing"),
  progress: text("string", "How to show what happens: auto, plain, tty, quiet or rawjson", undefined, {
    shownDefault: '"auto"',
    complete: ["auto", "none", "plain", "quiet", "rawjson", "tty"],
  }),
  provenance: text("string", "Short for --set=*.attest=type=provenance"),
  pull: bool("Look for newer base images"),
  push: bool("Push the images by all their names"),
  sbom: text("string", "Short for --set=*.attest=type=sbom"),
  set: list("stringArray", "Change a target: TARGET.KEY=VALUE, TARGET may have *"),
} as const satisfies FlagTable;
type Values = FlagValues<typeof flags>;

export const bake = defineCommand({
  usage: "[OPTIONS] [TARGET...]",
  about: "Builds several targets side by side, as docker-bake.hcl, docker-bake.json or a compose file says.",
  flags,
  operands: [0, Infinity],
  examples: [
    ["gantry buildx bake --print", "what would be built"],
    ["gantry buildx bake app --set app.args.V=2", "one target, with a variable"],
  ],
  async run(context, values, operands) {
    const progress = values.progress ?? context.env["BUILDKIT_PROGRESS"] ?? "auto";
    let display: Display | undefined;
    try {
      display = openDisplay(context, progress, values.builder ?? context.env["BUILDX_BUILDER"]);
      return await run(context, values, operands, display);
    } catch (error) {
      display?.begin("");
      display?.end();
      context.err.write(excerptOf(error));
      if (!(error instanceof TargetFailure)) throw buildFailure(context, error, "");
      throw buildFailure(context, error.cause, `target ${error.target}: `);
    }
  },
});

async function run(
  context: Context,
  values: Values,
  operands: readonly string[],
  display: Display,
): Promise<number> {
  if (!values.print && values.list === undefined) display.begin();
  const definition = await readDefinition(context, values, display);
  if (values.list !== undefined) return show(context, display, listing(definition, values.list));
  const resolved = resolve(context, values, operands.length > 0 ? operands : ["default"], definition);
  if (values.print) return show(context, display, `${printed(resolved)}\n`);
  checkEntitlements(context, values, resolved, display);
  const targets = Object.entries(resolved.targets).map(([name, target]) => ({
    name,
    options: optionsOf(target),
  }));
  const call = values.check ? "check" : (values.call ?? "build");
  if (call !== "build") return await checkMany(context, targets, display, requestOf(call));
  const results = await buildMany(context, targets, display);
  display.end();
  warn(context, display, values.progress);
  if (values["metadata-file"] !== undefined) {
    const fields = Object.fromEntries(
      [...results]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, result]) => [name, metadataFields(result)]),
    );
    writeFileSync(values["metadata-file"], JSON.stringify(fields, undefined, 2));
  }
  return 0;
}

function requestOf(call: string): string {
  return `frontend.${call === "check" ? "lint" : call}`;
}

async function readDefinition(context: Context, values: Values, display: Display): Promise<BakeDefinition> {
  const id = "bake";
  const files = await display.step(id, "[internal] load local bake definitions", async () =>
    bakeFiles(values.file, context.env).map((name) => {
      const file = readBakeFile(name);
      const bytes = Buffer.byteLength(file.text);
      display.part(id, `reading ${name}`, { current: bytes, total: bytes, isDone: true });
      return file;
    }),
  );
  return await parseBakeFiles(context, files);
}

function show({ out }: Context, display: Display, text: string): number {
  display.begin("");
  display.end();
  out.write(text);
  return 0;
}

function resolve(
  context: Context,
  values: Values,
  wanted: readonly string[],
  definition: BakeDefinition,
): Resolved {
  const overrides = values.set.map((text) => parseOverride(text, context.env));
  const names = [...definition.targets.keys()];
  for (const { pattern } of overrides)
    if (!names.some((name) => isLike(pattern, name)))
      throw new Fault("invalid", `could not find any target matching '${pattern}'`);
  return resolveTargets(definition, wanted, (name, target, isAsked) => {
    const changed = withFlags(overridden(name, target, overrides), values);
    return isAsked || changed.output !== undefined ? changed : { ...changed, output: ["type=cacheonly"] };
  });
}

function withFlags(target: BakeTarget, values: Values): BakeTarget {
  const attest = [...short("provenance", values.provenance), ...short("sbom", values.sbom)];
  const pushed = values.push ? { output: outputsWith(target, "type=image,push=true") } : {};
  const whole = { ...target, ...pushed };
  return {
    ...whole,
    ...(values.load && { output: outputsWith(whole, "type=docker") }),
    ...(values["no-cache"] && { "no-cache": true }),
    ...(values.pull && { pull: true }),
    ...(attest.length > 0 && { attest: [...(target.attest ?? []), ...attest] }),
  };
}

function short(type: string, value: string | undefined): readonly string[] {
  if (value === undefined) return [];
  if (/^(1|t|true)$/i.test(value)) return [`type=${type}`];
  return [/^(0|f|false)$/i.test(value) ? `type=${type},disabled=true` : `type=${type},${value}`];
}

function printed({ names, targets, groups }: Resolved): string {
  const { default: usual, ...others } = groups;
  const normal = Object.fromEntries(Object.entries(targets).map(([name, one]) => [name, normalTarget(one)]));
  return bakeFile(normal, usual ?? names, others);
}

function checkEntitlements(context: Context, values: Values, { targets }: Resolved, display: Display): void {
  const missing = missingEntitlements(Object.values(targets), values.allow, process.cwd());
  const isOff = /^(0|f|false)$/i.test(context.env["BUILDX_BAKE_ENTITLEMENTS_FS"] ?? "");
  const text = describeMissing(isOff ? { ...missing, reads: [], writes: [] } : missing, [
    "gantry",
    ...process.argv.slice(2),
  ]);
  if (text === "") return;
  display.end();
  context.err.write(text);
  throw new Exit(1, "ERROR: additional privileges requested");
}

function listing(definition: BakeDefinition, what: string): string {
  const kind = /(?:^|type=)(targets|variables)/.exec(what)?.[1];
  if (kind === "targets") {
    const groups = [...definition.groups].map(
      ([name, { targets = [], description = "" }]) =>
        [name, description === "" ? [...targets].sort().join(", ") : description] as const,
    );
    const targets = [...definition.targets].map(
      ([name, { description = "" }]) => [name, description] as const,
    );
    const rows = [...groups, ...targets].sort(([a], [b]) => (a < b ? -1 : 1));
    return tabbed([["TARGET", "DESCRIPTION"], ...rows]);
  }
  if (kind !== "variables") throw new Fault("invalid", `invalid list type ${JSON.stringify(what)}`);
  const rows = [...definition.variables].sort(([a], [b]) => (a < b ? -1 : 1));
  return tabbed([
    ["VARIABLE", "TYPE", "VALUE", "DESCRIPTION"],
    ...rows.map(([name, { value, type, description }]) => [name, type, shownValue(value), description]),
  ]);
}

function shownValue(value: HclValue | undefined): string {
  if (value === null) return "<null>";
  return typeof value === "object" ? JSON.stringify(value) : String(value ?? "");
}

const tabWidth = 8;

/** Columns set apart by tabs, as Go's tabwriter does it. */
function tabbed(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => {
    const widest = Math.max(...rows.map((row) => (row[column] ?? "").length));
    return widest === 0 ? 0 : Math.ceil((widest + 1) / tabWidth) * tabWidth;
  });
  const cell = (text: string, column: number, count: number) =>
    column === count - 1
      ? text
      : text + "\t".repeat(Math.max(1, Math.ceil(((widths[column] ?? 0) - text.length) / tabWidth)));
  return rows
    .map((row) => `${row.map((text, column) => cell(text, column, row.length)).join("")}\n`)
    .join("");
}
