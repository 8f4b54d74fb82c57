import type { MountRequest } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { checkAbsolute, cleanPath, isLocalPath, parseDestination } from "./mount-paths.ts";
import type { PlannedBind, PlannedImage, PlannedMount, PlannedVolume } from "./planned-mount.ts";
import { tmpfsOptionsOf } from "./tmpfs-options.ts";

const propagations = new Set(["private", "rprivate", "slave", "rslave", "shared", "rshared"]);

export function isPropagation(word: string): boolean {
  return propagations.has(word);
}

/**
 * Parses one entry of `HostConfig.Mounts`. Whether the source of a bind exists is not looked at.
 *
 * @throws {Fault} `invalid` with Docker's texts, `invalid mount config for type "bind": …`
 * @see Docker Engine API v1.51, definition Mount
 */
export function parseMountRequest(request: MountRequest): PlannedMount {
  try {
    if (request.Target === undefined || request.Target === "") throw emptyField("Target");
    const destination = parseDestination(request.Target);
    switch (request.Type) {
      case "bind":
        return parseBindRequest(request, destination);
      case "volume":
        return parseVolumeRequest(request, destination);
      case "tmpfs":
        return parseTmpfsRequest(request, destination);
      case "image":
        return parseImageRequest(request, destination);
      default:
        throw new Fault("invalid", "mount type unknown");
    }
  } catch (error) {
    throw invalidMount(request.Type, messageOf(error));
  }
}

export function invalidMount(type: string, reason: string): Fault {
  return new Fault("invalid", `invalid mount config for type ${JSON.stringify(type)}: ${reason}`);
}

function parseBindRequest(request: MountRequest, destination: string): PlannedBind {
  refuseFields(request, ["VolumeOptions", "TmpfsOptions", "ImageOptions"]);
  if (request.Source === undefined || request.Source === "") throw emptyField("Source");
  const options = request.BindOptions ?? {};
  const propagation = options.Propagation || "rprivate";
  if (!isPropagation(propagation)) throw new Fault("invalid", `invalid propagation mode: ${propagation}`);
  checkAbsolute(request.Source);
  const isReadOnly = request.ReadOnly ?? false;
  if (options.ReadOnlyNonRecursive && options.ReadOnlyForceRecursive)
    throw new Fault("invalid", "ReadOnlyForceRecursive and ReadOnlyNonRecursive are mutually exclusive");
  if (options.ReadOnlyForceRecursive && !(isReadOnly && propagation === "rprivate" && !options.NonRecursive))
    throw new Fault(
      "invalid",
      "ReadOnlyForceRecursive needs ReadOnly, a recursive bind and the propagation rprivate",
    );
  return {
    kind: "bind",
    destination,
    isReadOnly,
    mode: "",
    source: cleanPath(request.Source),
    propagation,
    isRecursive: !(options.NonRecursive ?? false),
    readOnlyBelow: options.ReadOnlyForceRecursive
      ? "always"
      : options.ReadOnlyNonRecursive || options.NonRecursive
        ? "never"
        : "if-possible",
    createsSource: options.CreateMountpoint ?? false,
  };
}

function parseVolumeRequest(request: MountRequest, destination: string): PlannedVolume {
  refuseFields(request, ["BindOptions", "TmpfsOptions", "ImageOptions"]);
  const { Source: name = "", ReadOnly: isReadOnly = false, VolumeOptions: options = {} } = request;
  const subpath = options?.Subpath ?? "";
  if (subpath !== "" && !isLocalPath(subpath)) throw outsideSubpath();
  if (name === "" && isReadOnly)
    throw new Fault("invalid", "must not set ReadOnly mode when using anonymous volumes");
  return {
    kind: "volume",
    destination,
    isReadOnly,
    mode: "z",
    ...(name === "" ? {} : { name }),
    driver: options?.DriverConfig?.Name ?? "",
    isFilled: !(options?.NoCopy ?? false) && subpath === "",
    ...(options?.Labels ? { labels: options.Labels } : {}),
    ...(options?.DriverConfig?.Options ? { driverOptions: options.DriverConfig.Options } : {}),
    ...(subpath === "" ? {} : { subpath: cleanPath(subpath) }),
  };
}

function parseImageRequest(request: MountRequest, destination: string): PlannedImage {
  refuseFields(request, ["BindOptions", "VolumeOptions", "TmpfsOptions"]);
  if (request.Source === undefined || request.Source === "") throw emptyField("Source");
  const subpath = request.ImageOptions?.Subpath ?? "";
  if (subpath !== "" && !isLocalPath(subpath)) throw outsideSubpath();
  return {
    kind: "image",
    destination,
    isReadOnly: true,
    mode: "",
    image: request.Source,
    ...(subpath === "" ? {} : { subpath: cleanPath(subpath) }),
  };
}

function outsideSubpath(): Fault {
  return new Fault("invalid", "subpath must be a relative path within the volume");
}

function parseTmpfsRequest(request: MountRequest, destination: string): PlannedMount {
  refuseFields(request, ["BindOptions", "VolumeOptions", "ImageOptions"]);
  if (request.Source) throw extraField("Source");
  const isReadOnly = request.ReadOnly ?? false;
  const options = tmpfsOptionsOf(request.TmpfsOptions, isReadOnly);
  return { kind: "tmpfs", destination, isReadOnly, mode: "", options, isListed: true };
}

type OptionsField = "BindOptions" | "VolumeOptions" | "TmpfsOptions" | "ImageOptions";

function refuseFields(request: MountRequest, fields: readonly OptionsField[]): void {
  for (const field of fields)
    if (request[field] !== undefined && request[field] !== null) throw extraField(field);
}

function extraField(field: string): Fault {
  return new Fault("invalid", `field ${field} must not be specified`);
}

function emptyField(field: string): Fault {
  return new Fault("invalid", `field ${field} must not be empty`);
}
