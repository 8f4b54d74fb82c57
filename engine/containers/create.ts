import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { hostname as hostName } from "node:os";
import { join } from "node:path";
import type { ContainerConfig, HealthConfig } from "#api/docker/container.ts";
import { normalizeCreate } from "#api/docker/normalize.ts";
import { checkContainerName } from "#api/docker/validate-create.ts";
import { Fault, isFault } from "#base/fault.ts";
import { formatTime } from "#base/time.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import { validateLogConfig, withDefaults } from "#engine/logs/log-options.ts";
import { sideDoorsOf } from "#engine/runtime/side-doors.ts";
import { validateHostConfig } from "#engine/runtime/validate.ts";
import type { ImageConfig, ImageRuntimeConfig } from "#oci/image-config.ts";
import { compatiblePlatforms, formatPlatform, normalisePlatform, parsePlatform } from "#oci/platform.ts";
import type { Containers } from "./containers.ts";
import { type ContainerContext, publish } from "./context.ts";
import { resolveLink } from "./links.ts";
import { generateName } from "./names.ts";
import { checkSideDoors, ownFolders } from "./policy.ts";
import { endpointRequest } from "./networking.ts";
import { type ContainerRecord, imageSnapshots, mountPoints, neverStarted } from "./record.ts";
import { takeIdRange } from "./user-namespaces.ts";

type CreateRequest = Parameters<Containers["create"]>[0];

/** @see Containers.create */
export async function createContainer(
  context: ContainerContext,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly warnings: readonly string[] }> {
  const name =
    request.name?.replace(/^\//, "") ||
    generateName((candidate) => context.registry.find(candidate) !== undefined);
  checkContainerName(name);
  const { record: planned, image, warnings } = plan(context, request, name);
  const record = withLinks(context, planned);
  checkNetwork(context, record);
  await insertContainer(context, record, image, signal);
  return { id: record.id, warnings };
}

/** @see ContainerService.insert */
export async function insertContainer(
  context: ContainerContext,
  record: ContainerRecord,
  image: ImageRecord,
  signal: AbortSignal,
): Promise<void> {
  const meant = { text: record.config.Image, id: image.id, manifest: image.manifest };
  await context.images.admission.using(meant, "create", signal);
  await context.lock.run(record.id, () => build(context, record, image, signal));
}

function plan(context: ContainerContext, request: CreateRequest, name: string) {
  const { host, cgroups, runtimes, policy } = context.launcher;
  const version = Number(request.apiVersion.split(".")[1]);
  const normal = normalizeCreate(withLogDefaults(context, request.body), version, {
    cgroupnsMode: cgroups.layout.kind === "v2" || policy.hidesCgroups ? "private" : "host",
    runtime: runtimes.defaultName,
  });
  runtimes.get(normal.hostConfig.Runtime);
  validateLogConfig(normal.hostConfig.LogConfig);
  if (normal.config.Image === "")
    throw new Fault("invalid", "Config cannot be empty in order to create a container");
  const image = context.images.resolve(normal.config.Image);
  const platformWarnings = checkPlatform(
    request.platform,
    normal.config.Image,
    image.config,
    host.architecture,
  );
  const id = randomBytes(32).toString("hex");
  const { NetworkMode } = normal.hostConfig;
  const config = withHostname(mergeImage(normal.config, image.config.config ?? {}), id, NetworkMode);
  const { hostConfig, warnings } = validateHostConfig(config, normal.hostConfig, host);
  const doors = checkSideDoors(context, sideDoorsOf(hostConfig, ownFolders(context)), { container: name });
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (args.length === 0) throw new Fault("invalid", "no command specified");
  const record: ContainerRecord = {
    id,
    name,
    created: formatTime(context.now()),
    imageId: image.id,
    manifest: image.manifest,
    config,
    hostConfig,
    endpointsConfig: normal.endpoints,
    mounts: [],
    state: neverStarted,
    restartCount: 0,
    isManuallyStopped: false,
    args,
  };
  return { record, image, warnings: [...platformWarnings, ...normal.warnings, ...warnings, ...doors] };
}

/**
 * An image of another platform than was asked for is one that is missing; nobody asked: a warning will do.
 *
 * @throws {Fault} `not-found`, `invalid` with Docker's texts
 */
function checkPlatform(
  asked: string | undefined,
  reference: string,
  { os, architecture, variant }: ImageConfig,
  hostArchitecture: string,
): readonly string[] {
  const host = { os: "linux", architecture: hostArchitecture };
  const own = normalisePlatform({ os, architecture, ...(variant !== undefined && { variant }) });
  if (asked === undefined) {
    if (own.os === host.os && compatiblePlatforms(host).some((one) => one.architecture === own.architecture))
      return [];
    return [
      `The requested image's platform (${formatPlatform(own)}) does not match the detected host platform (${formatPlatform(host)}) and no specific platform was requested`,
    ];
  }
  if (!/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,2}$/.test(asked))
    throw new Fault("invalid", `"${asked}": cannot parse platform specifier: invalid argument`);
  const wanted = parsePlatform(asked, host);
  if (wanted.os === own.os && wanted.architecture === own.architecture) return [];
  throw new Fault(
    "not-found",
    `image with reference ${reference} was found but its platform (${formatPlatform(own)}) does not match the specified platform (${formatPlatform(wanted)})`,
  );
}

/** @throws {Fault} `invalid` for a link to a container that is not there */
function withLinks({ registry }: ContainerContext, record: ContainerRecord): ContainerRecord {
  const { Links } = record.hostConfig;
  if (Links === null) return record;
  const resolved = Links.map((link) => resolveLink(registry, link));
  return { ...record, hostConfig: { ...record.hostConfig, Links: resolved } };
}

function withLogDefaults(
  { defaultLogs }: ContainerContext,
  body: CreateRequest["body"],
): CreateRequest["body"] {
  const LogConfig = withDefaults(body.HostConfig?.LogConfig ?? undefined, defaultLogs);
  return { ...body, HostConfig: { ...body.HostConfig, LogConfig } };
}

/** Programs look for this file to tell whether they run in a container. Nobody else has touched the folder yet. */
async function markAsContainer(snapshots: ContainerContext["snapshots"], id: string): Promise<void> {
  const { upper } = snapshots.mountOf(id);
  if (upper !== undefined) await writeFile(join(snapshots.root, upper, ".dockerenv"), "", { mode: 0o755 });
}

/** A network that is missing is for the start to miss: clients take a 404 of create for a missing image. */
function checkNetwork({ networks }: ContainerContext, record: ContainerRecord): void {
  try {
    networks.check(endpointRequest(record));
  } catch (error) {
    if (!isFault(error, "not-found")) throw error;
  }
}

async function build(
  context: ContainerContext,
  planned: ContainerRecord,
  image: ImageRecord,
  signal: AbortSignal,
): Promise<void> {
  const { snapshots, volumes, registry } = context;
  const { id } = planned;
  await using undo = new AsyncDisposableStack();
  const idRange = planned.idRange ?? takeIdRange(context, planned);
  if (idRange !== undefined) undo.defer(() => context.idRanges.release(id, idRange));
  undo.defer(() => snapshots.remove(id).catch(() => undefined));
  await snapshots.prepare(id, image.chainIds.at(-1), signal);
  await markAsContainer(snapshots, id);
  undo.defer(() => volumes.release(id, true));
  const mounts = await volumes.resolve(
    id,
    planned.hostConfig,
    Object.keys(planned.config.Volumes ?? {}),
    (other) => mountPoints(registry.get(other)),
    idRange?.base,
  );
  undo.defer(async () => {
    for (const key of imageSnapshots({ mounts })) await snapshots.remove(key).catch(() => undefined);
  });
  const mapped = new Set(planned.pod?.mapped);
  const placed = mounts.map((mount) =>
    mapped.has(mount.destination) ? { ...mount, isMapped: true as const } : mount,
  );
  const record = { ...planned, mounts: placed, ...(idRange !== undefined && { idRange }) };
  await registry.insert(record);
  undo.move();
  publish(context, record, "create");
}

/** What the image says wherever the request does not. @see docs/docker-api.md */
export function mergeImage(config: ContainerConfig, image: ImageRuntimeConfig): ContainerConfig {
  const hasEntrypoint = config.Entrypoint !== null && config.Entrypoint.length > 0;
  // `--entrypoint ""` arrives as [""]: it clears the image's.
  const isCleared = config.Entrypoint?.length === 1 && config.Entrypoint[0] === "";
  const keys = new Set(config.Env.map((entry) => entry.split("=", 1)[0]));
  const inherited = (image.Env ?? []).filter((entry) => !keys.has(entry.split("=", 1)[0] ?? ""));
  const exposed = { ...image.ExposedPorts, ...config.ExposedPorts };
  const volumes = { ...image.Volumes, ...config.Volumes };
  const health = mergeHealthcheck(config.Healthcheck, image.Healthcheck ?? undefined);
  const stopSignal = config.StopSignal ?? image.StopSignal;
  const shell = config.Shell ?? image.Shell ?? undefined;
  return {
    ...config,
    User: config.User || (image.User ?? ""),
    Env: [...config.Env, ...inherited],
    Entrypoint: isCleared ? null : hasEntrypoint ? config.Entrypoint : (image.Entrypoint ?? null),
    Cmd: config.Cmd ?? (hasEntrypoint ? null : (image.Cmd ?? null)),
    WorkingDir: config.WorkingDir || (image.WorkingDir ?? ""),
    Labels: { ...image.Labels, ...config.Labels },
    Volumes: Object.keys(volumes).length > 0 ? volumes : null,
    ...(Object.keys(exposed).length > 0 && { ExposedPorts: exposed }),
    ...(health !== undefined && { Healthcheck: health }),
    ...(stopSignal !== undefined && stopSignal !== "" && { StopSignal: stopSignal }),
    ...(shell !== undefined && { Shell: shell }),
  };
}

/** Each part that the request leaves empty is the image's. */
function mergeHealthcheck(
  asked: HealthConfig | undefined,
  image: HealthConfig | undefined,
): HealthConfig | undefined {
  if (asked === undefined || image === undefined) return asked ?? image;
  const isSet = ([, value]: readonly [string, unknown]) =>
    Array.isArray(value) ? value.length > 0 : Boolean(value);
  return { ...image, ...Object.fromEntries(Object.entries(asked).filter(isSet)) };
}

function withHostname(config: ContainerConfig, id: string, networkMode: string): ContainerConfig {
  if (config.Hostname !== "" || networkMode.startsWith("container:")) return config;
  return { ...config, Hostname: networkMode === "host" ? hostName() : id.slice(0, 12) };
}
