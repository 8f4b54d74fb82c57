import { join } from "node:path";
import type { ImageHistory, ImageRuntimeConfig } from "#oci/image-config.ts";
import type { OverlayMount } from "#engine/snapshots/snapshotter.ts";
import type { ImageRecord } from "./images.ts";

/** What the API's answers need beyond the record. */
export interface ViewContext {
  /** As negotiated, e.g. `1.44`. */
  readonly apiVersion: string;
  /** `<root>/snapshots`, to show absolute paths. */
  readonly snapshotRoot: string;
}

const ZERO_TIME = "0001-01-01T00:00:00Z";

/** Whether API version `left` is older than `right`. */
function isBefore(left: string, right: string): boolean {
  const [major = 0, minor = 0] = left.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = right.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

/**
 * One entry of `GET /images/json`. `sharedSize` and `containers` are -1 when they were not asked for.
 *
 * @see Docker Engine API v1.51, definition ImageSummary
 */
export function imageSummary(
  image: ImageRecord,
  context: Pick<ViewContext, "apiVersion">,
  options: {
    readonly sharedSize: number;
    readonly containers: number;
    /** A `reference` filter shows only the names that match it. */
    readonly shows?: (name: string) => boolean;
    /** IDs of the image's containers, when manifests were asked for. */
    readonly manifestsWith?: readonly string[];
  },
): object {
  const shows = options.shows ?? (() => true);
  const tags = image.repoTags.filter(shows);
  const digests = image.repoDigests.filter(shows);
  const since = (version: string) => !isBefore(context.apiVersion, version);
  const hasNone = !since("1.43") && tags.length === 0;
  return {
    Containers: options.containers,
    Created: unixSeconds(image.config.created),
    Id: image.id,
    Labels: image.config.config?.Labels ?? null,
    ParentId: image.parent ?? "",
    ...(since("1.48") ? { Descriptor: image.descriptor } : {}),
    ...(since("1.47") && options.manifestsWith !== undefined
      ? { Manifests: [manifestSummary(image, options.manifestsWith)] }
      : {}),
    RepoDigests: hasNone && digests.length === 0 ? ["<none>@<none>"] : listed(digests, since("1.43")),
    RepoTags: hasNone && digests.length === 0 ? ["<none>:<none>"] : tags,
    SharedSize: options.sharedSize,
    Size: image.size,
    ...(since("1.44") ? {} : { VirtualSize: image.size }),
  };
}

/** An empty list was null before 1.43. */
function listed(digests: readonly string[], isNewer: boolean): readonly string[] | null {
  return digests.length === 0 && !isNewer ? null : digests;
}

/** The answer to `GET /images/{name}/json`. @see Docker Engine API v1.51, definition ImageInspect */
export function imageInspect(
  image: ImageRecord,
  context: ViewContext,
  options: { readonly mount: OverlayMount | undefined; readonly manifestsWith?: readonly string[] },
): object {
  const { config } = image;
  const since = (version: string) => !isBefore(context.apiVersion, version);
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    ...(since("1.52") ? {} : { Parent: image.parent ?? "" }),
    Comment: config.history?.at(-1)?.comment ?? "",
    Created: config.created ?? (since("1.44") ? undefined : ZERO_TIME),
    ...(since("1.45") ? {} : { ContainerConfig: runtimeConfig({}, "1.44") }),
    ...(since("1.52") ? {} : { DockerVersion: config.docker_version ?? "" }),
    Author: config.author ?? "",
    Config: runtimeConfig(config.config ?? {}, context.apiVersion),
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config["os.version"] === undefined ? {} : { OsVersion: config["os.version"] }),
    Size: image.size,
    ...(since("1.44") ? {} : { VirtualSize: image.size }),
    GraphDriver: { Data: overlayData(context.snapshotRoot, options.mount), Name: "overlay2" },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.lastTaggedAt ?? ZERO_TIME },
    ...(since("1.48") ? { Descriptor: image.descriptor } : {}),
    ...(since("1.48") && options.manifestsWith !== undefined
      ? { Manifests: [manifestSummary(image, options.manifestsWith)] }
      : {}),
  };
}

/** The answer to `GET /images/{name}/history`, newest first. @see Docker Engine API v1.51, ImageHistoryResponseItem */
export function imageHistory(image: ImageRecord): readonly object[] {
  const entries = image.config.history ?? image.layers.map((): ImageHistory => ({}));
  let layer = 0;
  const oldestFirst = entries.map((entry, index) => {
    const isTop = index === entries.length - 1;
    return {
      Comment: entry.comment ?? "",
      Created: unixSeconds(entry.created),
      CreatedBy: entry.created_by ?? "",
      Id: isTop ? image.id : "<missing>",
      Size: entry.empty_layer === true ? 0 : (image.layers[layer++]?.unpackedSize ?? 0),
      Tags: isTop && image.repoTags.length > 0 ? image.repoTags : null,
    };
  });
  return oldestFirst.reverse();
}

/**
 * Bytes of the image's layers that other images have too.
 *
 * @param users how many images have a layer, by chain ID
 */
export function sharedSizeOf(image: ImageRecord, users: ReadonlyMap<string, number>): number {
  return image.layers.reduce((sum, layer, index) => {
    const isShared = (users.get(image.chainIds[index] ?? "") ?? 0) > 1;
    return isShared ? sum + layer.unpackedSize : sum;
  }, 0);
}

/** For {@link sharedSizeOf}, and for the disk usage that counts each layer once. */
export function layerUsers(images: readonly ImageRecord[]): ReadonlyMap<string, number> {
  const users = new Map<string, number>();
  for (const { chainIds } of images)
    for (const chainId of chainIds) users.set(chainId, (users.get(chainId) ?? 0) + 1);
  return users;
}

/** Before 1.50 the answer has the container's fields too, always empty. */
function runtimeConfig(config: ImageRuntimeConfig, apiVersion: string): object {
  const own = {
    ...(config.ExposedPorts === undefined ? {} : { ExposedPorts: config.ExposedPorts }),
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    ...(config.Healthcheck === undefined ? {} : { Healthcheck: config.Healthcheck }),
    ...(config.ArgsEscaped === true ? { ArgsEscaped: true } : {}),
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: config.Labels ?? null,
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
    ...(config.Shell === undefined ? {} : { Shell: config.Shell }),
  };
  if (!isBefore(apiVersion, "1.50")) return { User: config.User ?? "", ...own };
  return {
    Hostname: "",
    Domainname: "",
    User: config.User ?? "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Image: "",
    ...own,
  };
}

/** As the overlay2 driver shows it: the top layer is the upper folder, those below are the lower ones. */
function overlayData(root: string, mount: OverlayMount | undefined): object | null {
  const [top, ...below] = mount?.lower ?? [];
  if (top === undefined) return null;
  const upper = join(root, top);
  return {
    ...(below.length === 0 ? {} : { LowerDir: below.map((folder) => join(root, folder)).join(":") }),
    MergedDir: join(upper, "..", "merged"),
    UpperDir: upper,
    WorkDir: join(upper, "..", "work"),
  };
}

/** @see Docker Engine API v1.51, definition ImageManifestSummary */
function manifestSummary(image: ImageRecord, containers: readonly string[]): object {
  const { os, architecture, variant } = image.config;
  const content = image.descriptor.size + image.layers.reduce((sum, { size }) => sum + size, 0);
  return {
    ID: image.manifest,
    Descriptor: image.descriptor,
    Available: true,
    Size: { Content: content, Total: content + image.size },
    Kind: "image",
    ImageData: {
      Platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
      Containers: containers,
      Size: { Unpacked: image.size },
    },
  };
}

function unixSeconds(time: string | undefined): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
}
