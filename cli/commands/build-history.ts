import {
  buildHistoryEvent,
  buildHistoryRequest,
  historyEventTypes,
  statusRequest,
  statusResponse,
  updateBuildHistoryRequest,
} from "#api/buildkit/control.ts";
import { nothing } from "#api/buildkit/session.ts";
import type { RpcClient } from "#rpc/rpc-client.ts";
import { openControl } from "../build/link.ts";
import { openDisplay } from "../build/open-display.ts";
import { type Context, defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { bool, list, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { formatSpan } from "../output/units.ts";

type Build = NonNullable<ReturnType<typeof buildHistoryEvent.decode>["record"]>;
type Time = Build["createdAt"];

const service = "/moby.buildkit.v1.Control";
const builderFlag = text("string", "Name of a builder: there is one, default");

/** Newest first. */
async function readBuilds(client: RpcClient, signal: AbortSignal): Promise<readonly Build[]> {
  using call = client.open(`${service}/ListenBuildHistory`, {}, signal);
  await call.send(buildHistoryRequest.encode({ earlyExit: true }));
  call.finish();
  const builds = new Map<string, Build>();
  for await (const message of call.messages()) {
    const { type, record } = buildHistoryEvent.decode(message);
    if (record?.ref === undefined) continue;
    if (type === historyEventTypes.deleted) builds.delete(record.ref);
    else builds.set(record.ref, record);
  }
  return [...builds.values()].sort((a, b) => msOf(b.createdAt) - msOf(a.createdAt));
}

function msOf(time: Time): number {
  return (time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}

function nameOf({ frontendAttrs = new Map() }: Build): string {
  const target = frontendAttrs.get("target") ?? "";
  const file = (frontendAttrs.get("filename") ?? "Dockerfile").split("/").at(-1) ?? "";
  const context = frontendAttrs.get("context") ?? frontendAttrs.get("vcs:localdir:context") ?? "";
  const place = context.replace(/\/$/, "").split("/").at(-1) ?? "";
  const name = file === "Dockerfile" ? place : `${place === "" ? "" : `${place}/`}${file}`;
  return `${name === "" ? "Dockerfile" : name}${target === "" ? "" : ` (${target})`}`;
}

function statusOf({ completedAt, error }: Build): string {
  if (completedAt === undefined) return "Running";
  if (error === undefined) return "Completed";
  return error.code === 1 || /context canceled/.test(error.message ?? "") ? "Canceled" : "Error";
}

function durationOf({ createdAt, completedAt }: Build, now: number): string {
  const seconds = ((completedAt === undefined ? now : msOf(completedAt)) - msOf(createdAt)) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const minutes = Math.floor(seconds / 60);
  const rest = `${minutes % 60}m ${String(Math.floor(seconds % 60)).padStart(2)}s`;
  return minutes < 60 ? rest : `${Math.floor(minutes / 60)}h ${rest}`;
}

export const ls = defineCommand({
  usage: "[OPTIONS]",
  about: "Lists the builds that the engine remembers.",
  flags: {
    builder: builderFlag,
    filter: list("stringArray", "Only what matches, e.g. status=error"),
    format: text("string", "table, json, or a Go template", undefined, { shownDefault: '"table"' }),
    local: bool("Only of this folder"),
    "no-trunc": bool("Show all of it"),
  },
  operands: [0, 0],
  examples: [["gantry buildx history ls", "the last builds"]],
  async run(context, { format = "table", filter }) {
    using control = await openControl(context.engine().api, context.signal);
    const all = await readBuilds(control.client, context.signal);
    const builds = all.filter((build) => filter.every((spec) => passes(build, spec)));
    const now = context.now().getTime();
    const columns: Columns<Build> = {
      Ref: ["BUILD ID", ({ ref = "" }) => ref],
      Name: ["NAME", nameOf],
      Status: ["STATUS", statusOf],
      CreatedAt: ["CREATED AT", ({ createdAt }) => `${formatSpan(now - msOf(createdAt))} ago`],
      Duration: ["DURATION", (build) => durationOf(build, now)],
      CachedSteps: ["CACHED STEPS", ({ cachedSteps = 0 }) => cachedSteps],
      TotalSteps: ["TOTAL STEPS", ({ totalSteps = 0 }) => totalSteps],
      CompletedSteps: ["COMPLETED STEPS", ({ completedSteps = 0 }) => completedSteps],
    };
    const usual = "{{.Ref}}\t{{.Name}}\t{{.Status}}\t{{.CreatedAt}}\t{{.Duration}}";
    if (format === "json")
      context.out.write(builds.map((build) => `${JSON.stringify(jsonOf(build))}\n`).join(""));
    else context.out.write(formatItems(builds, columns, { format, table: usual }));
    return 0;
  },
});

/** @throws {Exit} for a filter that is none */
function passes(build: Build, spec: string): boolean {
  const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(spec) ?? [];
  if (key === "status") return statusOf(build).toLowerCase() === value.toLowerCase();
  if (key === "ref") return build.ref === value;
  throw new Exit(1, `ERROR: unsupported filter ${JSON.stringify(spec)}`);
}

function jsonOf(build: Build): object {
  const { cachedSteps = 0, completedAt, completedSteps = 0, createdAt, ref = "", totalSteps = 0 } = build;
  return {
    cached_steps: cachedSteps,
    ...(completedAt !== undefined && { completed_at: new Date(msOf(completedAt)).toISOString() }),
    completed_steps: completedSteps,
    created_at: new Date(msOf(createdAt)).toISOString(),
    name: nameOf(build),
    ref: `default/default/${ref}`,
    status: statusOf(build),
    total_steps: totalSteps,
  };
}

/** The build of a reference, its beginning, `^N` for the N-th last, or the last. @throws {Exit} when there is none */
async function findBuild(context: Context, client: RpcClient, reference: string | undefined): Promise<Build> {
  const builds = await readBuilds(client, context.signal);
  if (reference === undefined || reference === "") {
    const [last] = builds;
    if (last === undefined) throw new Exit(1, "ERROR: no records found");
    return last;
  }
  const back = /^\^(\d+)$/.exec(reference)?.[1];
  const ref = reference.split("/").at(-1) ?? "";
  const found =
    back === undefined ? builds.find((build) => build.ref?.startsWith(ref)) : builds[Number(back)];
  if (found === undefined) throw new Exit(1, `ERROR: no record found for ref ${JSON.stringify(reference)}`);
  return found;
}

export const inspect = defineCommand({
  usage: "[OPTIONS] [REF]",
  about: "Shows what is known of a build, the last one unless told.",
  flags: {
    builder: builderFlag,
    format: text("string", "pretty or json", undefined, { shownDefault: '"pretty"' }),
  },
  operands: [0, 1],
  examples: [["gantry buildx history inspect", "of the last build"]],
  async run(context, { format = "pretty" }, [reference]) {
    using control = await openControl(context.engine().api, context.signal);
    const build = await findBuild(context, control.client, reference);
    const now = context.now().getTime();
    context.out.write(
      format === "json" ? `${JSON.stringify(jsonOf(build), undefined, 2)}\n` : described(build, now),
    );
    return 0;
  },
});

function described(build: Build, now: number): string {
  const {
    frontendAttrs = new Map<string, string>(),
    totalSteps = 0,
    completedSteps = 0,
    cachedSteps = 0,
  } = build;
  const cached = totalSteps === 0 ? "" : ` (${Math.floor((cachedSteps / totalSteps) * 100)}% cached)`;
  const started = new Date(msOf(build.createdAt)).toISOString().slice(0, 19).replace("T", " ");
  const failure = build.error?.message ?? "";
  const given = (name: string, value: string | undefined) =>
    value === undefined ? [] : [[name, value] as const];
  const lines = [
    ["Name", nameOf(build)] as const,
    ["Ref", build.ref ?? ""] as const,
    ...given("Dockerfile", frontendAttrs.get("filename") ?? "Dockerfile"),
    ...given("Target", frontendAttrs.get("target")),
    ["", ""] as const,
    ["Started", started] as const,
    ["Duration", durationOf(build, now)] as const,
    ["Status", statusOf(build)] as const,
    ["Build Steps", `${completedSteps}/${totalSteps}${cached}`] as const,
    ...given("Error", failure === "" ? undefined : failure),
  ];
  const table = lines
    .map(([name, value]) => (name === "" ? "\n" : `${`${name}:`.padEnd(16)}${value}\n`))
    .join("");
  return (
    table + section("BUILD ARG", frontendAttrs, "build-arg:") + section("LABEL", frontendAttrs, "label:")
  );
}

function section(heading: string, attrs: ReadonlyMap<string, string>, prefix: string): string {
  const found = [...attrs].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (found.length === 0) return "";
  const rows = found.map(([name, value]) => `${name.slice(prefix.length).padEnd(16)}${value}\n`);
  return `\n${heading.padEnd(16)}VALUE\n${rows.join("")}`;
}

export const logs = defineCommand({
  usage: "[OPTIONS] [REF]",
  about: "Prints what a build said, the last one unless told.",
  flags: {
    builder: builderFlag,
    progress: text("string", "plain, rawjson or tty", undefined, { shownDefault: '"plain"' }),
  },
  operands: [0, 1],
  examples: [["gantry buildx history logs", "of the last build"]],
  async run(context, { progress = "plain" }, [reference]) {
    using control = await openControl(context.engine().api, context.signal);
    const { ref = "" } = await findBuild(context, control.client, reference);
    const display = openDisplay(context, progress);
    using call = control.client.open(`${service}/Status`, {}, context.signal);
    await call.send(statusRequest.encode({ ref }));
    call.finish();
    display.begin("");
    for await (const message of call.messages()) display.take(statusResponse.decode(message));
    display.end();
    return 0;
  },
});

export const rm = defineCommand({
  usage: "[OPTIONS] [REF...]",
  about: "Forgets builds.",
  flags: { all: bool("All of them"), builder: builderFlag },
  operands: [0, Infinity],
  examples: [["gantry buildx history rm --all", "forget all"]],
  async run(context, { all }, references) {
    if (!all && references.length === 0) throw new Exit(1, "ERROR: rm requires at least one argument");
    using control = await openControl(context.engine().api, context.signal);
    const refs: string[] = [];
    if (all) refs.push(...(await readBuilds(control.client, context.signal)).map(({ ref = "" }) => ref));
    for (const reference of all ? [] : references)
      refs.push((await findBuild(context, control.client, reference)).ref ?? "");
    for (const ref of refs)
      await control.client.unary(
        `${service}/UpdateBuildHistory`,
        [updateBuildHistoryRequest, nothing],
        { ref, delete: true },
        context.signal,
      );
    return 0;
  },
});
