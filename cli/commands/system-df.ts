import type { BuildCacheRecord, ContainerSummary, DiskUsage } from "#client/docker-types.ts";
import { humanDuration } from "#api/docker/human-duration.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { containerColumns } from "../formats/containers.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { imageColumns, imageRows } from "../formats/images.ts";
import { shortId } from "../formats/text.ts";
import { formatBytes4, formatBytes3 } from "../output/units.ts";
import { volumeColumns } from "./volume.ts";
import { Fault } from "#base/fault.ts";

export const df = defineCommand({
  usage: "[OPTIONS]",
  about: "Shows what takes disk space, and how much of it could be had back.",
  flags: {
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    verbose: bool("Show each thing", "v"),
  },
  operands: [0, 0],
  examples: [["gantry system df -v", "each image, container, volume"]],
  async run(context, { format, verbose }) {
    if (verbose && format !== undefined && format !== "table" && format !== "json")
      throw new Fault("invalid", "the verbose and the format options conflict");
    const usage = await context.engine().diskUsage(context.signal);
    context.out.write(
      verbose
        ? verboseText(usage, context.now())
        : formatItems(summary(usage), columns, {
            format: format ?? "table",
            table: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
            typeName: "*formatter.diskUsageContext",
          }),
    );
    return 0;
  },
});

interface Line {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  readonly hasShare: boolean;
}

const columns: Columns<Line> = {
  Type: ["TYPE", ({ type }) => type],
  TotalCount: ["TOTAL", ({ total }) => String(total)],
  Active: ["ACTIVE", ({ active }) => String(active)],
  Size: ["SIZE", ({ size }) => formatBytes4(size)],
  Reclaimable: [
    "RECLAIMABLE",
    ({ size, reclaimable, hasShare }) =>
      hasShare && size > 0
        ? `${formatBytes4(reclaimable)} (${Math.trunc((reclaimable * 100) / size)}%)`
        : formatBytes4(reclaimable),
  ],
};

const isActive = ({ State }: ContainerSummary) => /^(running|paused|restarting)$/.test(State);

function summary({ LayersSize, Images, Containers, Volumes, BuildCache }: DiskUsage): readonly Line[] {
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  const [images, containers] = [Images ?? [], Containers ?? []];
  const used = images.filter(({ Containers: count = 0 }) => count > 0);
  const usedSize = sum(
    used.map(({ Size, SharedSize = 0 }) => (Size === -1 || SharedSize === -1 ? 0 : Size - SharedSize)),
  );
  const sizes = containers.map(({ SizeRw = 0 }) => SizeRw);
  const volumes = (Volumes ?? []).map(({ UsageData }) => ({
    size: Math.max(0, UsageData?.Size ?? 0),
    links: UsageData?.RefCount ?? 0,
  }));
  const caches = BuildCache ?? [];
  return [
    {
      type: "Images",
      total: images.length,
      active: used.length,
      size: LayersSize,
      reclaimable: LayersSize - usedSize,
      hasShare: true,
    },
    {
      type: "Containers",
      total: containers.length,
      active: containers.filter(isActive).length,
      size: sum(sizes),
      reclaimable: sum(containers.filter((one) => !isActive(one)).map(({ SizeRw = 0 }) => SizeRw)),
      hasShare: true,
    },
    {
      type: "Local Volumes",
      total: volumes.length,
      active: volumes.filter(({ links }) => links > 0).length,
      size: sum(volumes.map(({ size }) => size)),
      reclaimable: sum(volumes.filter(({ links }) => links === 0).map(({ size }) => size)),
      hasShare: true,
    },
    {
      type: "Build Cache",
      total: caches.length,
      active: caches.filter(({ InUse }) => InUse).length,
      size: sum(caches.map(({ Size }) => Size)),
      reclaimable: sum(caches.filter(({ InUse, Shared }) => !InUse && !Shared).map(({ Size }) => Size)),
      hasShare: false,
    },
  ];
}

function verboseText(usage: DiskUsage, now: Date): string {
  const { Images, Containers, Volumes, BuildCache } = usage;
  const images = formatItems(
    imageRows(Images ?? [], false),
    { ...imageColumns(false, now), ...verboseImage },
    {
      format: "table",
      table:
        "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
    },
  );
  const containers = formatItems(
    Containers ?? [],
    { ...containerColumns(false, now), Size: ["SIZE", ({ SizeRw = 0 }) => formatBytes3(SizeRw)] },
    {
      format: "table",
      table:
        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
    },
  );
  const volumes = formatItems(Volumes ?? [], volumeColumns, {
    format: "table",
    table: "{{.Name}}\t{{.Links}}\t{{.Size}}",
  });
  const caches = BuildCache ?? [];
  const cacheSize = caches.reduce((total, { Size }) => total + Size, 0);
  const cacheTable = formatItems(caches, cacheColumns(now), {
    format: "table",
    table:
      "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
  });
  return [
    `Images space usage:\n\n${images}`,
    `Containers space usage:\n\n${containers}`,
    `Local Volumes space usage:\n\n${volumes}`,
    `Build cache usage: ${formatBytes4(cacheSize)}\n`,
    cacheTable,
  ].join("\n");
}

const verboseImage: Columns<ReturnType<typeof imageRows>[number]> = {
  SharedSize: ["SHARED SIZE", ({ image: { SharedSize = 0 } }) => formatBytes4(Math.max(0, SharedSize))],
  UniqueSize: [
    "UNIQUE SIZE",
    ({ image: { Size, SharedSize = 0 } }) => formatBytes4(Size - Math.max(0, SharedSize)),
  ],
};

function cacheColumns(now: Date): Columns<BuildCacheRecord> {
  const ago = (time: string) => `${humanDuration(now.getTime() - Date.parse(time))} ago`;
  return {
    ID: ["CACHE ID", ({ ID }) => shortId(ID)],
    CacheType: ["CACHE TYPE", ({ Type }) => Type],
    Size: ["SIZE", ({ Size }) => formatBytes3(Size)],
    CreatedSince: ["CREATED", ({ CreatedAt }) => ago(CreatedAt)],
    LastUsedSince: ["LAST USED", ({ LastUsedAt }) => (LastUsedAt ? ago(LastUsedAt) : "")],
    UsageCount: ["USAGE", ({ UsageCount }) => String(UsageCount)],
    Shared: ["SHARED", ({ Shared }) => String(Shared)],
  };
}
