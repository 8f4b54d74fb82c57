import type { Filters } from "#client/docker-api.ts";
import { encodeFilters } from "#client/docker-api.ts";
import type { PruneReport } from "#client/docker-types.ts";
import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { bool, text } from "../flags.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";
import { checkBytes, parseBytes } from "../options/quantities.ts";
import { formatBytes4 } from "../output/units.ts";
import { confirm } from "../streams/ask.ts";

const flags = {
  filter: filterFlag("Only what matches, e.g. until=24h"),
  force: bool("Do not ask", "f"),
} as const;
const base = { usage: "[OPTIONS]", operands: [0, 0] } as const;

/** The filters of a prune with those that the configuration adds. */
export function pruneFilters(context: Context, specs: readonly string[]): Filters {
  const configured = context.config().content.pruneFilters ?? [];
  return parseFilterSpecs([...specs, ...configured.filter((spec) => !specs.includes(spec))]);
}

/** @throws {Exit} 0 when the answer is no */
export async function mustConfirm(context: Context, force: boolean, warning: string): Promise<void> {
  if (force) return;
  if (!(await confirm(context, `${warning}\nAre you sure you want to continue?`))) throw new Exit(0);
}

function listed(heading: string, names: readonly string[] | null | undefined): string {
  return (names ?? []).length === 0
    ? ""
    : `${heading}\n${(names ?? []).map((name) => `${name}\n`).join("")}\n`;
}

function reclaimed(bytes: number | undefined): string {
  return `Total reclaimed space: ${formatBytes4(bytes ?? 0)}\n`;
}

/** What a prune removed, for people. */
export const reportOf = {
  containers: ({ ContainersDeleted }: PruneReport) => listed("Deleted Containers:", ContainersDeleted),
  volumes: ({ VolumesDeleted }: PruneReport) => listed("Deleted Volumes:", VolumesDeleted),
  networks: ({ NetworksDeleted }: PruneReport) => listed("Deleted Networks:", NetworksDeleted),
  images: ({ ImagesDeleted }: PruneReport) =>
    listed(
      "Deleted Images:",
      (ImagesDeleted ?? []).map(({ Deleted, Untagged }) =>
        Untagged ? `untagged: ${Untagged}` : `deleted: ${Deleted}`,
      ),
    ),
  caches: ({ CachesDeleted }: { readonly CachesDeleted?: readonly string[] | null }) =>
    listed("Deleted build cache objects:", CachesDeleted),
} as const;

export const containerPrune = defineCommand({
  ...base,
  about: "Removes all stopped containers.",
  flags,
  examples: [["gantry container prune -f --filter until=24h", "those older than a day"]],
  async run(context, { filter, force }) {
    await mustConfirm(context, force, "WARNING! This will remove all stopped containers.");
    const report = await context.engine().pruneContainers(pruneFilters(context, filter), context.signal);
    context.out.write(`${reportOf.containers(report)}${reclaimed(report.SpaceReclaimed)}`);
    return 0;
  },
});

export const imagePrune = defineCommand({
  ...base,
  about: "Removes images without a name; with -a all that no container uses.",
  flags: { all: bool("All that no container uses", "a"), ...flags },
  examples: [["gantry image prune -a", "everything unused"]],
  async run(context, { all, filter, force }) {
    const filters = { ...pruneFilters(context, filter), dangling: [String(!all)] };
    await mustConfirm(
      context,
      force,
      all
        ? "WARNING! This will remove all images without at least one container associated to them."
        : "WARNING! This will remove all dangling images.",
    );
    const report = await context.engine().pruneImages(filters, context.signal);
    context.out.write(`${reportOf.images(report)}${reclaimed(report.SpaceReclaimed)}`);
    return 0;
  },
});

export const volumePrune = defineCommand({
  ...base,
  about: "Removes anonymous volumes that no container uses; with -a named ones too.",
  flags: { all: bool("Named ones too", "a"), ...flags },
  examples: [["gantry volume prune -a", "every volume without a container"]],
  async run(context, { all, filter, force }) {
    const specs = pruneFilters(context, filter);
    if (all && specs["all"] !== undefined)
      throw new Fault("invalid", "conflicting options: cannot specify both --all and --filter all=1");
    await mustConfirm(
      context,
      force,
      all
        ? "WARNING! This will remove all local volumes not used by at least one container."
        : "WARNING! This will remove anonymous local volumes not used by at least one container.",
    );
    const filters = all ? { ...specs, all: ["true"] } : specs;
    const report = await context.engine().pruneVolumes(filters, context.signal);
    context.out.write(`${reportOf.volumes(report)}${reclaimed(report.SpaceReclaimed)}`);
    return 0;
  },
});

export const networkPrune = defineCommand({
  ...base,
  about: "Removes networks that no container uses.",
  flags,
  examples: [["gantry network prune -f", "without a question"]],
  async run(context, { filter, force }) {
    await mustConfirm(
      context,
      force,
      "WARNING! This will remove all custom networks not used by at least one container.",
    );
    const report = await context.engine().pruneNetworks(pruneFilters(context, filter), context.signal);
    context.out.write(reportOf.networks(report));
    return 0;
  },
});

export const builderPrune = defineCommand({
  ...base,
  about: "Removes what builds keep for later.",
  flags: {
    all: bool("All of it, not only what has no use", "a"),
    ...flags,
    "keep-storage": text("bytes", "How much to keep", undefined, { check: checkBytes }),
  },
  examples: [["gantry builder prune -f", "without a question"]],
  async run(context, values) {
    await mustConfirm(
      context,
      values.force,
      values.all
        ? "WARNING! This will remove all build cache."
        : "WARNING! This will remove all dangling build cache.",
    );
    const report = await context.engine().pruneBuilds(
      {
        all: values.all,
        filters: encodeFilters(pruneFilters(context, values.filter)),
        "keep-storage": values["keep-storage"] === undefined ? undefined : parseBytes(values["keep-storage"]),
      },
      context.signal,
    );
    context.out.write(`${reportOf.caches(report)}Total:\t${formatBytes4(report.SpaceReclaimed ?? 0)}\n`);
    return 0;
  },
});
