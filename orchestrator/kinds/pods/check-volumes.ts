import type {
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from "#api/kube/types/core-volumes.ts";
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
} from "#orchestrator/machinery/field-error.ts";
import { labelComplaints, subdomainComplaints } from "#orchestrator/machinery/names.ts";
import {
  checkName,
  checkNonNegativeQuantity,
  checkPresent,
  checkRequiredName,
  type Findings,
} from "../check.ts";
import { checkFieldRef, checkResourceRef } from "./check-env.ts";
import { checkLocalDescendingPath, checkNoBacksteps } from "./check-mounts.ts";

const highestMode = 0o777;
const modeText = "must be a number between 0 and 0777 (octal), both inclusive";
const shortestTokenS = 600;
const longestTokenS = 2 ** 32;
const downwardPaths = [
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
];

export function checkVolumes(
  into: Findings,
  path: string,
  volumes: readonly Volume[],
  isTemplate: boolean,
): void {
  const seen = new Set<string>();
  for (const [at, volume] of volumes.entries()) {
    const own = `${path}[${at}]`;
    const { name, ...sources } = volume;
    checkSources(into, own, sources, isTemplate);
    if ((name ?? "") === "") into.push(required(`${own}.name`));
    else {
      checkName(into, `${own}.name`, name, labelComplaints);
      if (seen.has(name)) into.push(duplicate(`${own}.name`, name));
    }
    seen.add(name);
  }
}

type Sources = Omit<Volume, "name">;

function checkSources(into: Findings, path: string, sources: Sources, isTemplate: boolean): void {
  const [first, ...others] = Object.keys(sources) as (keyof Sources)[];
  if (first === undefined) return void into.push(required(path, "must specify a volume type"));
  checkSource(into, `${path}.${first}`, { [first]: sources[first] }, isTemplate);
  for (const other of others)
    into.push(forbidden(`${path}.${other}`, "may not specify more than 1 volume type"));
}

function checkSource(into: Findings, path: string, source: Sources, isTemplate: boolean): void {
  const { emptyDir, hostPath, secret, configMap, persistentVolumeClaim, nfs, projected, downwardAPI } =
    source;
  const { csi, image, ephemeral } = source;
  if (emptyDir?.sizeLimit !== undefined)
    checkNonNegativeQuantity(into, `${path}.sizeLimit`, emptyDir.sizeLimit);
  if (hostPath !== undefined) checkHostPath(into, path, hostPath);
  if (secret !== undefined) {
    checkPresent(into, `${path}.secretName`, secret.secretName);
    checkFiles(into, path, secret.items, secret.defaultMode);
  }
  if (configMap !== undefined) {
    checkPresent(into, `${path}.name`, configMap.name);
    checkFiles(into, path, configMap.items, configMap.defaultMode);
  }
  if (persistentVolumeClaim !== undefined)
    checkPresent(into, `${path}.claimName`, persistentVolumeClaim.claimName);
  if (nfs !== undefined) {
    checkPresent(into, `${path}.server`, nfs.server);
    checkPresent(into, `${path}.path`, nfs.path);
    if (nfs.path && !nfs.path.startsWith("/"))
      into.push(invalid(`${path}.path`, nfs.path, "must be an absolute path"));
  }
  if (downwardAPI !== undefined) {
    checkMode(into, `${path}.defaultMode`, downwardAPI.defaultMode);
    for (const file of downwardAPI.items ?? []) checkDownwardFile(into, path, file);
  }
  if (projected !== undefined) checkProjected(into, path, projected);
  if (csi !== undefined) checkPresent(into, `${path}.driver`, csi.driver);
  if (image !== undefined && !isTemplate) checkPresent(into, `${path}.reference`, image.reference);
  if (ephemeral !== undefined)
    checkPresent(into, `${path}.volumeClaimTemplate`, ephemeral.volumeClaimTemplate);
}

const hostPathTypes = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];

function checkHostPath(into: Findings, path: string, source: NonNullable<Volume["hostPath"]>): void {
  if ((source.path ?? "") === "") return void into.push(required(`${path}.path`));
  checkNoBacksteps(into, `${path}.path`, source.path);
  const type = source.type ?? "";
  if (!hostPathTypes.includes(type)) into.push(notSupported(`${path}.type`, type, hostPathTypes));
}

function checkMode(into: Findings, path: string, mode: number | undefined): void {
  if (mode !== undefined && (mode < 0 || mode > highestMode)) into.push(invalid(path, mode, modeText));
}

function checkFiles(
  into: Findings,
  path: string,
  items: readonly KeyToPath[] | undefined,
  defaultMode: number | undefined,
): void {
  checkMode(into, `${path}.defaultMode`, defaultMode);
  for (const [at, item] of (items ?? []).entries()) {
    const own = `${path}.items[${at}]`;
    checkPresent(into, `${own}.key`, item.key);
    checkFilePath(into, `${own}.path`, item.path);
    checkMode(into, `${own}.mode`, item.mode);
  }
}

/** Of a file in a volume, whose own names begin with two dots. */
function checkFilePath(into: Findings, path: string, value: string | undefined): void {
  if (value === undefined || value === "") return void into.push(required(path));
  checkLocalDescendingPath(into, path, value);
  if (value.startsWith("..") && !value.startsWith("../"))
    into.push(invalid(path, value, "must not start with '..'"));
}

type DownwardFile = NonNullable<NonNullable<Volume["downwardAPI"]>["items"]>[number];

function checkDownwardFile(into: Findings, path: string, file: DownwardFile): void {
  checkFilePath(into, `${path}.path`, file.path);
  const { fieldRef, resourceFieldRef } = file;
  if (fieldRef !== undefined) {
    checkFieldRef(into, `${path}.fieldRef`, fieldRef, downwardPaths);
    if (resourceFieldRef !== undefined)
      into.push(
        invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"),
      );
  } else if (resourceFieldRef !== undefined)
    checkResourceRef(into, `${path}.resourceFieldRef`, resourceFieldRef, true);
  else into.push(required(path, "one of fieldRef and resourceFieldRef is required"));
  checkMode(into, `${path}.mode`, file.mode);
}

function checkProjected(into: Findings, path: string, projected: ProjectedVolumeSource): void {
  checkMode(into, `${path}.defaultMode`, projected.defaultMode);
  const paths = new Set<string>();
  for (const [at, source] of (projected.sources ?? []).entries()) {
    const own = `${path}.sources[${at}]`;
    const [first, ...others] = Object.keys(source) as (keyof VolumeProjection)[];
    if (first === undefined) {
      into.push(required(own, "must specify a volume type"));
      continue;
    }
    for (const other of others)
      into.push(forbidden(`${own}.${other}`, "may not specify more than 1 volume type"));
    checkProjection(into, `${own}.${first}`, source);
    for (const each of pathsOf(source)) {
      if (paths.has(each)) into.push(invalid(path, each, "conflicting duplicate paths"));
      paths.add(each);
    }
  }
}

function pathsOf({
  secret,
  configMap,
  downwardAPI,
  serviceAccountToken,
  clusterTrustBundle,
}: VolumeProjection) {
  const items = [...(secret?.items ?? []), ...(configMap?.items ?? []), ...(downwardAPI?.items ?? [])];
  return [...items, serviceAccountToken, clusterTrustBundle].flatMap((item) =>
    item?.path === undefined ? [] : [item.path],
  );
}

function checkProjection(into: Findings, path: string, source: VolumeProjection): void {
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  for (const each of [secret, configMap]) {
    if (each === undefined) continue;
    checkRequiredName(into, `${path}.name`, each.name, subdomainComplaints);
    checkFiles(into, path, each.items, undefined);
  }
  for (const file of downwardAPI?.items ?? []) checkDownwardFile(into, path, file);
  if (serviceAccountToken !== undefined) {
    const { expirationSeconds = 0, path: filePath } = serviceAccountToken;
    const own = `${path}.expirationSeconds`;
    if (expirationSeconds < shortestTokenS)
      into.push(invalid(own, expirationSeconds, "may not specify a duration less than 10 minutes"));
    if (expirationSeconds > longestTokenS)
      into.push(invalid(own, expirationSeconds, "may not specify a duration larger than 2^32 seconds"));
    checkFilePath(into, `${path}.path`, filePath);
  }
  if (clusterTrustBundle === undefined) return;
  const { name, signerName } = clusterTrustBundle;
  if (name !== undefined && signerName !== undefined)
    into.push(invalid(path, source, "only one of name and signerName may be used"));
  else if (name === undefined && signerName === undefined)
    into.push(required(path, "either name or signerName must be specified"));
  checkFilePath(into, `${path}.path`, clusterTrustBundle.path);
}
