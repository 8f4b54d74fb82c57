import { diskUsageRequest, diskUsageResponse, pruneRequest, usageRecord } from "#api/buildkit/control.ts";
import { nanosecondsIn, parseDuration } from "#base/duration.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { openControl } from "../build/link.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { filterFlag } from "../options/filter-specs.ts";
import { checkBytes, parseBytes } from "../options/quantities.ts";
import { alignTabs } from "../output/tab-writer.ts";
import { formatBytes4, formatSpan } from "../output/units.ts";
import { mustConfirm } from "./prune.ts";

type Usage = Partial<MessageOf<typeof usageRecord>>;

const service = "/moby.buildkit.v1.Control";
const builderFlag = text("string", "Name of a builder: there is one, default");

export const du = defineCommand({
  usage: "",
  about: "Shows what builds keep for later.",
  flags: {
    builder: builderFlag,
    filter: filterFlag("Only what matches, e.g. type=exec.cachemount"),
    format: text("string", "pretty, json, or a Go template"),
    verbose: bool("All that is known of each: short for --format=pretty"),
  },
  operands: [0, 0],
  examples: [["gantry buildx du", "how much there is"]],
  async run(context, values) {
    using control = await openControl(context.engine().api, context.signal);
    const { record } = await control.client.unary(
      `${service}/DiskUsage`,
      [diskUsageRequest, diskUsageResponse],
      { filter: filtersOf(values.filter).filters },
      context.signal,
    );
    const usages = [...record].sort((a, b) => (a.size ?? 0) - (b.size ?? 0));
    const now = context.now().getTime();
    const isPretty = values.verbose || values.format === "pretty";
    if (values.format !== undefined && !isPretty)
      context.out.write(formatItems(usages, columnsAt(now), { format: values.format, table: "" }));
    else if (isPretty)
      context.out.write(usages.map((usage) => `${pretty(usage, now)}\n`).join("") + sums(usages));
    else context.out.write(table(usages, now) + (usages.length === 0 ? "" : sums(usages)));
    return 0;
  },
});

export const prune = defineCommand({
  usage: "",
  about: "Removes what builds keep for later.",
  flags: {
    all: bool("Also what images share", "a"),
    builder: builderFlag,
    filter: filterFlag("Only what matches, e.g. until=24h"),
    force: bool("Do not ask", "f"),
    "keep-storage": text("bytes", "How much to keep", undefined, { hidden: true, check: checkBytes }),
    "max-used-space": text("bytes", "How much to keep at most", undefined, { check: checkBytes }),
    "min-free-space": text("bytes", "How much of the disk to have free", undefined, { check: checkBytes }),
    "reserved-space": text("bytes", "How much to keep always", undefined, { check: checkBytes }),
    verbose: bool("Say all that is known of what is removed"),
  },
  operands: [0, 0],
  examples: [["gantry builder prune -f", "without a question"]],
  async run(context, values) {
    const what = values.all ? "all build cache" : "all dangling build cache";
    await mustConfirm(context, values.force, `WARNING! This will remove ${what}.`);
    const { filters, untilNs } = filtersOf(values.filter);
    const bytes = (text: string | undefined) => (text === undefined ? 0 : parseBytes(text));
    using control = await openControl(context.engine().api, context.signal);
    using call = control.client.open(`${service}/Prune`, {}, context.signal);
    const request = {
      all: values.all,
      filter: filters,
      keepDuration: untilNs,
      reservedSpace: bytes(values["reserved-space"] ?? values["keep-storage"]),
      maxUsedSpace: bytes(values["max-used-space"]),
      minFreeSpace: bytes(values["min-free-space"]),
    };
    await call.send(pruneRequest.encode(request));
    call.finish();
    let total = 0;
    let isFirst = true;
    const now = context.now().getTime();
    for await (const message of call.messages()) {
      const usage = usageRecord.decode(message);
      total += usage.size;
      if (values.verbose) context.out.write(`${pretty(usage, now)}\n`);
      else context.out.write(pruneLine(usage, now, isFirst));
      isFirst = false;
    }
    context.out.write(`Total:\t${formatBytes4(total)}\n`);
    return 0;
  },
});

/** As BuildKit takes them, and how long ago something must have been used. @throws {Fault} `invalid` */
function filtersOf(specs: readonly string[]): {
  readonly filters: readonly string[];
  readonly untilNs: number;
} {
  const filters: string[] = [];
  let untilNs = 0;
  for (const spec of specs) {
    const [, key = spec, negation = "", value] = /^([^=!]+)(!)?=(.*)$/.exec(spec) ?? [];
    if (key === "until") untilNs = parseDuration(value ?? "", nanosecondsIn);
    else if (value === undefined) filters.push(key);
    else filters.push(`${key}${negation === "" ? "==" : "!="}${value}`);
  }
  return { filters: filters.length === 0 ? [] : [filters.join(",")], untilNs };
}

const idWidth = 40;

function pruneLine(usage: Usage, now: number, isFirst: boolean): string {
  const head = isFirst ? `${"ID".padEnd(idWidth)}\tRECLAIMABLE\tSIZE      \tLAST ACCESSED\n` : "";
  const size = `${formatBytes4(usage.size ?? 0)}${usage.shared === true ? "*" : ""}`.padEnd(10);
  const fields = [
    shownId(usage).padEnd(idWidth),
    String(usage.inUse !== true).padEnd(5),
    size,
    lastUsed(usage, now),
  ];
  return `${head}${fields.join("\t")}\n`;
}

function shownId({ id = "", mutable }: Usage): string {
  return `${id}${mutable === true ? "*" : ""}`;
}

function lastUsed({ lastUsedAt }: Usage, now: number): string {
  return lastUsedAt === undefined ? "" : `${formatSpan(now - (lastUsedAt.seconds ?? 0) * 1000)} ago`;
}

function columnsAt(now: number): Columns<Usage> {
  return {
    ID: ["ID", ({ id }) => id],
    Parents: ["PARENTS", ({ parents = [] }) => parents],
    CreatedAt: ["CREATED AT", ({ createdAt }) => goTime(createdAt)],
    Mutable: ["MUTABLE", ({ mutable = false }) => mutable],
    Reclaimable: ["RECLAIMABLE", ({ inUse }) => inUse !== true],
    Shared: ["SHARED", ({ shared = false }) => shared],
    Size: ["SIZE", ({ size = 0 }) => formatBytes4(size)],
    Description: ["DESCRIPTION", ({ description = "" }) => description],
    UsageCount: ["USAGE COUNT", ({ usageCount = 0 }) => usageCount],
    LastUsedAt: ["LAST ACCESSED", (usage) => lastUsed(usage, now)],
    Type: ["TYPE", ({ recordType = "" }) => recordType],
  };
}

function table(usages: readonly Usage[], now: number): string {
  const rows = usages.map((usage) => [
    shownId(usage),
    String(usage.inUse !== true),
    `${formatBytes4(usage.size ?? 0)}${usage.shared === true ? "*" : ""}`,
    lastUsed(usage, now),
  ]);
  return alignTabs(
    [["ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"], ...rows].map((row) => `${row.join("\t")}\n`).join(""),
  );
}

function pretty(usage: Usage, now: number): string {
  const { parents = [], recordType = "", description = "" } = usage;
  const lines = [
    ["ID:", usage.id ?? ""],
    ...(parents.length > 0 ? [["Parents:", parents.map((one) => `\n - ${one}`).join("")]] : []),
    ["Created at:", goTime(usage.createdAt)],
    ["Mutable:", String(usage.mutable === true)],
    ["Reclaimable:", String(usage.inUse !== true)],
    ["Shared:", String(usage.shared === true)],
    ["Size:", formatBytes4(usage.size ?? 0)],
    ...(description === "" ? [] : [["Description:", description]]),
    ["Usage count:", String(usage.usageCount ?? 0)],
    ...(usage.lastUsedAt === undefined ? [] : [["Last used:", lastUsed(usage, now)]]),
    ...(recordType === "" ? [] : [["Type:", recordType]]),
  ];
  return lines
    .map(([name = "", value = ""]) =>
      value.startsWith("\n") ? `${name}${value}\n` : `${name.padEnd(14)}${value}\n`,
    )
    .join("");
}

/** As Go prints a time in UTC. */
function goTime(time: Usage["createdAt"]): string {
  const { seconds = 0, nanos = 0 } = time ?? {};
  const fraction = nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}`;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")}${fraction} +0000 UTC`;
}

function sums(usages: readonly Usage[]): string {
  const sum = (of: readonly Usage[]) => of.reduce((total, { size = 0 }) => total + size, 0);
  const shared = sum(usages.filter((usage) => usage.shared === true));
  const total = sum(usages);
  const split =
    shared === 0 ? [] : [`Shared:\t\t${formatBytes4(shared)}`, `Private:\t${formatBytes4(total - shared)}`];
  const reclaimable = sum(usages.filter(({ inUse }) => inUse !== true));
  return `${[...split, `Reclaimable:\t${formatBytes4(reclaimable)}`, `Total:\t\t${formatBytes4(total)}`].join("\n")}\n`;
}
