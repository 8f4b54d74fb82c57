import type { Container, VolumeMount } from "#api/kube/types/core-pods.ts";
import type { Volume } from "#api/kube/types/core-volumes.ts";
import { forbidden, invalid, notFound, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import type { Findings } from "../check.ts";

type Volumes = ReadonlyMap<string, Volume>;
type Mounting = Pick<Container, "volumeMounts" | "volumeDevices" | "securityContext">;

export function checkMounts(into: Findings, path: string, container: Mounting, volumes: Volumes): void {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const devices = new Set(volumeDevices.map(({ name }) => name));
  const devicePaths = new Set(volumeDevices.map(({ devicePath }) => devicePath));
  const seen = new Set<string>();
  for (const [at, mount] of volumeMounts.entries()) {
    const own = `${path}.volumeMounts[${at}]`;
    const mountPath = mount.mountPath ?? "";
    if ((mount.name ?? "") === "") into.push(required(`${own}.name`));
    if (!volumes.has(mount.name)) into.push(notFound(`${own}.name`, mount.name ?? ""));
    if (mountPath === "") into.push(required(`${own}.mountPath`));
    if (seen.has(mountPath)) into.push(invalid(`${own}.mountPath`, mountPath, "must be unique"));
    seen.add(mountPath);
    if (devices.has(mount.name))
      into.push(invalid(`${own}.name`, mount.name, "must not already exist in volumeDevices"));
    if (devicePaths.has(mountPath))
      into.push(invalid(`${own}.mountPath`, mountPath, "must not already exist as a path in volumeDevices"));
    checkSubPaths(into, path, own, mount, volumes.get(mount.name));
    checkPropagation(into, `${path}.volumeMounts`, mount, container);
  }
  checkDevices(into, path, container, volumes);
}

function checkSubPaths(
  into: Findings,
  path: string,
  own: string,
  mount: VolumeMount,
  volume: Volume | undefined,
): void {
  const { subPath = "", subPathExpr = "" } = mount;
  for (const [name, value] of Object.entries({ subPath, subPathExpr })) {
    if (value === "") continue;
    if (volume?.image !== undefined)
      into.push(invalid(`${own}.${name}`, value, "not allowed in image volume sources"));
    if (name === "subPathExpr" && subPath !== "")
      into.push(invalid(`${own}.subPathExpr`, value, "subPathExpr and subPath are mutually exclusive"));
    checkLocalDescendingPath(into, `${path}.volumeMounts.${name}`, value);
  }
}

/** Of a path that stays within its volume. */
export function checkLocalDescendingPath(into: Findings, path: string, value: string): void {
  if (value.startsWith("/")) into.push(invalid(path, value, "must be a relative path"));
  checkNoBacksteps(into, path, value);
}

export function checkNoBacksteps(into: Findings, path: string, value: string): void {
  if (value.split("/").includes("..")) into.push(invalid(path, value, "must not contain '..'"));
}

const propagations = ["None", "HostToContainer", "Bidirectional"];

function checkPropagation(into: Findings, path: string, mount: VolumeMount, container: Mounting): void {
  const { mountPropagation, recursiveReadOnly, readOnly } = mount;
  if (mountPropagation !== undefined) {
    const own = `${path}.mountPropagation`;
    if (!propagations.includes(mountPropagation))
      into.push(notSupported(own, mountPropagation, propagations));
    if (mountPropagation === "Bidirectional" && container.securityContext?.privileged !== true)
      into.push(forbidden(own, "Bidirectional mount propagation is available only to privileged containers"));
  }
  if (recursiveReadOnly === undefined || recursiveReadOnly === "Disabled") return;
  const own = `${path}.recursiveReadOnly`;
  if (!["Enabled", "IfPossible"].includes(recursiveReadOnly))
    into.push(notSupported(own, recursiveReadOnly, ["Disabled", "Enabled", "IfPossible"]));
  else if (readOnly !== true) into.push(forbidden(own, "may only be specified when readOnly is true"));
  else if (mountPropagation !== undefined && mountPropagation !== "None")
    into.push(forbidden(own, "may only be specified when mountPropagation is None or not specified"));
}

function checkDevices(into: Findings, path: string, container: Mounting, volumes: Volumes): void {
  const names = new Set<string>();
  const mounts = new Set((container.volumeMounts ?? []).map(({ name }) => name));
  for (const [at, { name, devicePath }] of (container.volumeDevices ?? []).entries()) {
    const own = `${path}.volumeDevices[${at}]`;
    const volume = volumes.get(name);
    if ((name ?? "") === "") into.push(required(`${own}.name`));
    if (names.has(name)) into.push(invalid(`${own}.name`, name, "must be unique"));
    names.add(name);
    if (volume === undefined) into.push(notFound(`${own}.name`, name ?? ""));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined)
      into.push(
        invalid(
          `${own}.name`,
          name,
          "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
        ),
      );
    if ((devicePath ?? "") === "") into.push(required(`${own}.devicePath`));
    else if (devicePath.split("/").includes(".."))
      into.push(invalid(`${own}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    if (mounts.has(name)) into.push(invalid(`${own}.name`, name, "must not already exist in volumeMounts"));
  }
}
