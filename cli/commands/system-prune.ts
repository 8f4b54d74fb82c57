import { encodeFilters } from "#client/docker-api.ts";
import type { PruneReport } from "#client/docker-types.ts";
import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { bool } from "../flags.ts";
import { filterFlag } from "../options/filter-specs.ts";
import { formatBytes4 } from "../output/units.ts";
import { mustConfirm, pruneFilters, reportOf } from "./prune.ts";

export const prune = defineCommand({
  usage: "[OPTIONS]",
  about: "Removes stopped containers, unused networks, images without a name, and what builds keep.",
  flags: {
    all: bool("All unused images, not only those without a name", "a"),
    filter: filterFlag("Only what matches, e.g. label=KEY=VALUE"),
    force: bool("Do not ask", "f"),
    volumes: bool("Unused anonymous volumes too"),
  },
  operands: [0, 0],
  examples: [["gantry system prune -af --volumes", "everything that is not in use"]],
  async run(context, { all, filter, force, volumes }) {
    const filters = pruneFilters(context, filter);
    if (volumes && filters["until"] !== undefined)
      throw new Fault("invalid", 'ERROR: The "until" filter is not supported with "--volumes"');
    await mustConfirm(context, force, warning(all, volumes, filter));
    const engine = context.engine();
    const { signal, out } = context;
    const containers = await engine.pruneContainers(filters, signal);
    const networks = await engine.pruneNetworks(filters, signal);
    const freed = volumes ? await engine.pruneVolumes(filters, signal) : nothing;
    const images = await engine.pruneImages({ ...filters, dangling: [String(!all)] }, signal);
    const caches = await engine
      .pruneBuilds({ all, filters: encodeFilters(filters) }, signal)
      .catch((error: unknown) => {
        if (error instanceof Fault && error.kind === "not-implemented") return nothing;
        throw error;
      });
    out.write(
      reportOf.containers(containers) +
        reportOf.networks(networks) +
        reportOf.volumes(freed) +
        reportOf.images(images) +
        reportOf.caches(caches),
    );
    const bytes = [containers, freed, images, caches].reduce(
      (sum, { SpaceReclaimed = 0 }) => sum + SpaceReclaimed,
      0,
    );
    out.write(`Total reclaimed space: ${formatBytes4(bytes)}\n`);
    return 0;
  },
});

function warning(all: boolean, volumes: boolean, filter: readonly string[]): string {
  const lines = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    all ? "all build cache" : "unused build cache",
  ];
  const items = lines.map((line) => `  - ${line}\n`).join("");
  const filtered =
    filter.length === 0
      ? ""
      : `\n  Items to be pruned will be filtered with:\n${filter.map((spec) => `  - ${spec}\n`).join("")}`;
  return `WARNING! This will remove:\n${items}${filtered}`;
}

const nothing: PruneReport & { readonly CachesDeleted?: readonly string[] | null } = {};
