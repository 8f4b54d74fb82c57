import { formatVersion } from "#api/docker/versions.ts";
import { Fault } from "#base/fault.ts";
import type { Builds } from "#engine/build/build-service.ts";
import type { Containers } from "#engine/containers/containers.ts";
import type { Images } from "#engine/images/images.ts";
import { imageSummary, layerUsers, sharedSizeOf } from "#engine/images/views.ts";
import type { VolumeView } from "#engine/volumes/views.ts";
import type { Volumes } from "#engine/volumes/volume-service.ts";
import { json } from "./answer.ts";
import { buildCacheTotals, buildCacheView } from "./build-cache.ts";
import type { Call, Route } from "./call.ts";
import { type SummaryEncoder, sizesOf } from "./container-list.ts";
import { containersByImage } from "./images.ts";
import { volumeUsage } from "./volumes.ts";

export interface DiskUsageDeps {
  readonly containers: Containers;
  readonly images: Images;
  readonly builds: Pick<Builds, "cache">;
  readonly volumes: Volumes;
  readonly encoder: SummaryEncoder;
}

const types = ["container", "image", "volume", "build-cache"];

/** @see Docker Engine API v1.51, GET /system/df */
export function diskUsageRoutes(deps: DiskUsageDeps): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/system/df",
      handle: async (call) => json(await (call.version < 52 ? legacyUsage(deps, call) : usage(deps, call))),
    },
  ];
}

/** @throws {Fault} `invalid` for an unknown type; before 1.42 everything was meant */
function typesOf({ query, version }: Call): ReadonlySet<string> {
  const asked = version < 42 ? [] : query.all("type");
  const unknown = asked.find((type) => !types.includes(type));
  if (unknown !== undefined) throw new Fault("invalid", `unknown object type: ${unknown}`);
  return new Set(asked.length === 0 ? types : asked);
}

async function legacyUsage(deps: DiskUsageDeps, call: Call): Promise<object> {
  const asked = typesOf(call);
  const images = asked.has("image") ? imageUsage(deps, call.version) : undefined;
  const containers = asked.has("container") ? await containerUsage(deps, call.version) : undefined;
  const volumes = asked.has("volume") ? await volumeUsage(deps.volumes, call.signal) : undefined;
  return {
    LayersSize: images?.layerBytes ?? 0,
    Images: images?.items ?? null,
    Containers: containers?.items ?? null,
    Volumes: volumes ?? null,
    BuildCache: asked.has("build-cache") ? deps.builds.cache().map(buildCacheView) : null,
    ...(call.version < 42 && { BuilderSize: 0 }),
  };
}

async function usage(deps: DiskUsageDeps, call: Call): Promise<object> {
  const asked = typesOf(call);
  const isVerbose = call.query.boolean("verbose");
  const items = (list: readonly object[]) => (isVerbose ? { Items: list } : {});
  const summary: Record<string, object> = {};
  if (asked.has("image")) {
    const images = imageUsage(deps, call.version);
    summary["ImageUsage"] = { ...images.totals, ...items(images.items) };
  }
  if (asked.has("container")) {
    const containers = await containerUsage(deps, call.version);
    summary["ContainerUsage"] = { ...containers.totals, ...items(containers.items) };
  }
  if (asked.has("volume")) {
    const volumes = await volumeUsage(deps.volumes, call.signal);
    summary["VolumeUsage"] = { ...volumeTotals(volumes), ...items(volumes) };
  }
  if (asked.has("build-cache")) {
    const cache = deps.builds.cache();
    summary["BuildCacheUsage"] = { ...buildCacheTotals(cache), ...items(cache.map(buildCacheView)) };
  }
  return summary;
}

/** Each layer counts once, however many images have it. */
function imageUsage({ images, containers }: DiskUsageDeps, version: number) {
  const list = images.list();
  const users = layerUsers(list);
  const uses = containersByImage(containers);
  const layers = new Map<string, { readonly bytes: number; readonly isUsed: boolean }>();
  for (const image of list)
    for (const [index, layer] of image.layers.entries()) {
      const chainId = image.chainIds[index] ?? layer.digest;
      const isUsed = uses.has(image.id) || (layers.get(chainId)?.isUsed ?? false);
      layers.set(chainId, { bytes: layer.unpackedSize, isUsed });
    }
  const sum = (counts: (isUsed: boolean) => boolean) =>
    [...layers.values()].reduce((total, { bytes, isUsed }) => total + (counts(isUsed) ? bytes : 0), 0);
  const items = list.map((image) =>
    imageSummary(
      image,
      { apiVersion: formatVersion(version) },
      { sharedSize: sharedSizeOf(image, users), containers: uses.get(image.id)?.length ?? 0 },
    ),
  );
  const layerBytes = sum(() => true);
  return {
    layerBytes,
    items,
    totals: {
      ActiveCount: list.filter((image) => uses.has(image.id)).length,
      TotalCount: list.length,
      Reclaimable: sum((isUsed) => !isUsed),
      TotalSize: layerBytes,
    },
  };
}

async function containerUsage(deps: DiskUsageDeps, version: number) {
  const records = deps.containers.list();
  const sizes = await Promise.all(records.map((record) => sizesOf(deps, record)));
  const items = JSON.parse(deps.encoder.encode(records, version, sizes)) as readonly object[];
  const isActive = (index: number) => {
    const status = records[index]?.state.status;
    return status === "running" || status === "paused" || status === "restarting";
  };
  const bytes = (counts: (index: number) => boolean) =>
    sizes.reduce((total, { rw = 0 }, index) => total + (counts(index) ? rw : 0), 0);
  return {
    items,
    totals: {
      ActiveCount: records.filter((_record, index) => isActive(index)).length,
      TotalCount: records.length,
      Reclaimable: bytes((index) => !isActive(index)),
      TotalSize: bytes(() => true),
    },
  };
}

function volumeTotals(volumes: readonly VolumeView[]): object {
  const sizeOf = (list: readonly VolumeView[]) =>
    list.reduce((total, { UsageData }) => total + Math.max(UsageData?.Size ?? 0, 0), 0);
  const unused = volumes.filter(({ UsageData }) => UsageData?.RefCount === 0);
  return {
    ActiveCount: volumes.length - unused.length,
    TotalCount: volumes.length,
    Reclaimable: sizeOf(unused),
    TotalSize: sizeOf(volumes),
  };
}
