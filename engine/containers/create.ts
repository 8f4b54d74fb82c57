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
import { validateHostConfig } from "#engine/runtime/validate.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import type { Containers } from "./containers.ts";
import { type ContainerContext, publish } from "./context.ts";
import { endpointRequest } from "./lifecycle.ts";
import { generateName } from "./names.ts";
import { type ContainerRecord, imageSnapshots, mountPoints, zeroTime } from "./record.ts";
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
  const { record, image, warnings } = plan(context, request, name);
  checkNetwork(context, record);
  for (const link of record.hostConfig.Links ?? []) checkLink(context, link);
  await context.lock.run(record.id, () => build(context, record, image, signal));
  return { id: record.id, warnings };
}

function plan(context: ContainerContext, request: CreateRequest, name: string) {
  const { host, cgroups } = context.launcher;
  const version = Number(request.apiVersion.split(".")[1]);
  const normal = normalizeCreate(request.body, version, {
    cgroupnsMode: cgroups.layout.kind === "v2" ? "private" : "host",
  });
  if (normal.config.Image === "")
    throw new Fault("invalid", "Config cannot be empty in order to create a container");
  const image = context.images.resolve(normal.config.Image);
  const id = randomBytes(32).toString("hex");
  const { NetworkMode } = normal.hostConfig;
  const config = withHostname(mergeImage(normal.config, image.config.config ?? {}), id, NetworkMode);
  const { hostConfig, warnings } = validateHostConfig(config, normal.hostConfig, host);
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
    state: {
      status: "created",
      pid: 0,
      pidStartTime: "",
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAt: zeroTime,
      finishedAt: zeroTime,
    },
    restartCount: 0,
    isManuallyStopped: false,
    args,
  };
  return { record, image, warnings: [...normal.warnings, ...warnings] };
}

/** Not as a missing thing: see {@link checkNetwork}. @throws {Fault} `invalid` */
function checkLink({ registry }: ContainerContext, link: string): void {
  const [name = ""] = link.split(":");
  if (registry.find(name) === undefined)
    throw new Fault("invalid", `could not get container for ${name}: No such container: ${name}`);
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
  const idRange = takeIdRange(context, planned);
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
  const record = { ...planned, mounts, ...(idRange !== undefined && { idRange }) };
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
