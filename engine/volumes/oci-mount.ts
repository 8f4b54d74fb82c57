import { Fault } from "#base/fault.ts";
import type { PlannedBind, PlannedImage, PlannedTmpfs, PlannedVolume } from "./planned-mount.ts";
import { driverMountOf, type VolumeRecord } from "./volume-record.ts";
import type { ResolvedMount } from "./volumes.ts";

/** @throws {Fault} `invalid` when read-only has to reach the mounts below and the kernel cannot do that */
export function bindMount(planned: PlannedBind, canReadOnlyBelow: boolean): ResolvedMount {
  const { source, destination, isReadOnly, mode, propagation } = planned;
  if (planned.readOnlyBelow === "always" && !canReadOnlyBelow)
    throw new Fault(
      "invalid",
      `cannot make ${destination} recursively read-only: the kernel does not support it`,
    );
  const readOnly = canReadOnlyBelow && planned.readOnlyBelow !== "never" ? "rro" : "ro";
  return {
    point: {
      Type: "bind",
      Source: source,
      Destination: destination,
      Mode: mode,
      RW: !isReadOnly,
      Propagation: propagation,
    },
    type: "bind",
    source,
    destination,
    options: [planned.isRecursive ? "rbind" : "bind", ...(isReadOnly ? [readOnly] : []), propagation],
    ...(planned.createsSource ? { createsSource: true as const } : {}),
  };
}

/** `dataFolder` is what inspect shows as the source, whatever the volume's options put there. */
export function volumeMount(planned: PlannedVolume, record: VolumeRecord, dataFolder: string): ResolvedMount {
  const { destination, isReadOnly, mode, subpath } = planned;
  // What is no bind is mounted on the volume's folder before.
  const driver = driverMountOf(record);
  const mount = driver?.type === "bind" ? driver : { device: dataFolder, options: ["rbind"] };
  const below = subpath === undefined ? "" : `/${subpath}`;
  return {
    point: {
      Type: "volume",
      Name: record.name,
      Source: `${dataFolder}${below}`,
      Destination: destination,
      Driver: "local",
      Mode: mode,
      RW: !isReadOnly,
      Propagation: "",
    },
    type: "bind",
    source: `${mount.device}${below}`,
    destination,
    options: [...mount.options, ...(isReadOnly ? ["ro"] : []), "rprivate"],
    ...(subpath === undefined ? {} : { subpath }),
    ...(driver === undefined || !unmapped.has(driver.type) ? { isMapped: true as const } : {}),
  };
}

/** The host's folders keep their owners, whoever mounts them, and servers do not let their files be mapped. */
const unmapped: ReadonlySet<string> = new Set(["bind", "nfs", "nfs4", "cifs", "smb3"]);

/** `snapshot` keeps the image's layers for as long as the container is there. */
export function imageMount(planned: PlannedImage, snapshot: string, folder: string): ResolvedMount {
  const { destination, image, subpath } = planned;
  return {
    point: {
      Type: "image",
      Name: image,
      Source: subpath === undefined ? folder : `${folder}/${subpath}`,
      Destination: destination,
      Mode: "",
      RW: false,
      Propagation: "rprivate",
    },
    type: "image",
    source: snapshot,
    destination,
    options: ["rbind", "ro", "rprivate"],
    ...(subpath === undefined ? {} : { subpath }),
  };
}

export function tmpfsMount({
  destination,
  isReadOnly,
  mode,
  options,
  isListed,
}: PlannedTmpfs): ResolvedMount {
  return {
    point: {
      Type: "tmpfs",
      Source: "",
      Destination: destination,
      Mode: mode,
      RW: !isReadOnly,
      Propagation: "",
    },
    type: "tmpfs",
    source: "tmpfs",
    destination,
    options,
    ...(isListed ? {} : { isUnlisted: true as const }),
  };
}
