import type { HostConfig, MountPoint } from "#api/docker/container.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { parseBind, parseVolumesFrom } from "./bind-text.ts";
import { cleanPath, parseDestination } from "./mount-paths.ts";
import { parseMountRequest } from "./mount-request.ts";
import type { PlannedMount, PlannedVolume } from "./planned-mount.ts";
import { mergeTmpfsOptions } from "./tmpfs-options.ts";

export type MountConfig = Pick<HostConfig, "Binds" | "Mounts" | "Tmpfs" | "VolumesFrom" | "VolumeDriver">;

/**
 * What a container mounts, one mount a destination, fewest path elements first. What the request names itself goes over what
 * comes from other containers, and an image's VOLUME gives way to both; two mounts that the request names for one destination
 * are an error.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function planMounts(
  config: MountConfig,
  volumes: readonly string[],
  from: (container: string) => readonly MountPoint[],
  dataFolderOf: (volume: string) => string,
): readonly PlannedMount[] {
  const planned = new Map<string, PlannedMount>();
  for (const text of config.VolumesFrom ?? [])
    for (const mount of planVolumesFrom(text, from, dataFolderOf)) planned.set(mount.destination, mount);
  const asked = new Set<string>();
  for (const mount of requestedMounts(config)) {
    const { destination } = mount;
    if (asked.has(destination)) throw new Fault("invalid", `Duplicate mount point: ${destination}`);
    asked.add(destination);
    planned.set(destination, mount);
  }
  for (const volume of volumes) {
    const destination = parseDestination(`/${volume}`);
    if (!planned.has(destination)) planned.set(destination, anonymousVolume(destination));
  }
  return [...planned.values()].sort(byDestination);
}

function* requestedMounts(config: MountConfig): Generator<PlannedMount> {
  for (const raw of config.Binds ?? []) yield parseBind(raw, config.VolumeDriver ?? "");
  for (const request of config.Mounts ?? []) yield parseMountRequest(request);
  for (const [target, options] of Object.entries(config.Tmpfs ?? {}))
    yield {
      kind: "tmpfs",
      destination: parseDestination(target),
      isReadOnly: options.split(",").includes("ro"),
      mode: "",
      options: mergeTmpfsOptions(options.split(",")),
      isListed: false,
    };
}

function planVolumesFrom(
  text: string,
  from: (container: string) => readonly MountPoint[],
  dataFolderOf: (volume: string) => string,
): readonly PlannedMount[] {
  const { container, isReadOnly } = parseVolumesFrom(text);
  return pointsOf(container, from).flatMap((point) => planFromPoint(point, isReadOnly, dataFolderOf));
}

/** A container that is not there is the request's fault. */
function pointsOf(
  container: string,
  from: (container: string) => readonly MountPoint[],
): readonly MountPoint[] {
  try {
    return from(container);
  } catch (error) {
    if (isFault(error, "not-found")) throw new Fault("invalid", messageOf(error), { cause: error });
    throw error;
  }
}

function planFromPoint(
  point: MountPoint,
  isForcedReadOnly: boolean,
  dataFolderOf: (volume: string) => string,
): readonly PlannedMount[] {
  const common = {
    destination: cleanPath(point.Destination),
    isReadOnly: isForcedReadOnly || !point.RW,
    mode: point.Mode,
  };
  switch (point.Type) {
    case "volume":
      return [planVolumeFromPoint(point, common, dataFolderOf)];
    case "bind":
      return [
        {
          ...common,
          kind: "bind",
          source: point.Source,
          propagation: point.Propagation || "rprivate",
          isRecursive: true,
          readOnlyBelow: "if-possible",
          createsSource: true,
        },
      ];
    case "tmpfs":
      return [
        {
          ...common,
          kind: "tmpfs",
          options: mergeTmpfsOptions(common.isReadOnly ? ["ro"] : []),
          isListed: true,
        },
      ];
    case "image":
      return [{ ...common, kind: "image", image: point.Name ?? "", ...imagePart(point.Source) }];
    default:
      return point.Type satisfies never;
  }
}

/** Of a volume that was mounted in part, others get the same part. */
function planVolumeFromPoint(
  { Name: name = "", Driver: driver = "", Source }: MountPoint,
  common: Pick<PlannedVolume, "destination" | "isReadOnly" | "mode">,
  dataFolderOf: (volume: string) => string,
): PlannedVolume {
  const whole = `${dataFolderOf(name)}/`;
  const part = Source.startsWith(whole) ? { subpath: Source.slice(whole.length) } : {};
  return { ...common, kind: "volume", name, driver, isFilled: false, ...part };
}

/** A part of an image is shown as a path below the folder of a layer. */
function imagePart(source: string): { readonly subpath?: string } {
  const subpath = /\/\d+\/fs\/(.+)$/.exec(source)?.[1];
  return subpath === undefined ? {} : { subpath };
}

function anonymousVolume(destination: string): PlannedMount {
  return { kind: "volume", destination, isReadOnly: false, mode: "", driver: "", isFilled: true };
}

function byDestination(a: PlannedMount, b: PlannedMount): number {
  const depth = (path: string) => path.split("/").length;
  return depth(a.destination) - depth(b.destination) || (a.destination < b.destination ? -1 : 1);
}
