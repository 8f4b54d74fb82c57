import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { hostname as hostName } from "node:os";
import { join } from "node:path";
import type { HostConfig } from "#api/docker/container.ts";
import { normalizeCreate } from "#api/docker/normalize.ts";
import { Fault, isFullDisk, messageOf } from "#base/fault.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { Task, UserNamespace } from "#engine/runtime/launcher.ts";
import { placeholders } from "#engine/runtime/placeholders.ts";
import { explainStartFailure } from "#engine/runtime/runtime-errors.ts";
import { usernsModeOf } from "#engine/runtime/userns-mode.ts";
import { validateHostConfig } from "#engine/runtime/validate.ts";
import { openAttach } from "#engine/supervise/shim-client.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import { containerFolder } from "#engine/runtime/paths.ts";
import { removeFolder } from "#host/remove-folder.ts";
import type { Lease } from "#engine/gc/leases.ts";
import type { Digest } from "#oci/digest.ts";
import { readFrames } from "./frames.ts";
import type { BuildContext } from "./build-deps.ts";

/** A process of a build step, and the confinement it runs in: that of a container with the same options. */
export interface ExecStep {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  /** `default`, `none`, `host`, or the name of a network. */
  readonly networkMode: string;
  readonly isPrivileged: boolean;
  /** Absent: the beginning of its ID. */
  readonly hostname?: string;
  readonly mounts: readonly ResolvedMount[];
  /** Memory and cpu limits, shm size, ulimits, extra hosts, security options. */
  readonly limits: Partial<HostConfig>;
}

export interface ExecOutput {
  /** The process is about to start. */
  readonly started: (id: string) => Promise<void>;
  readonly wrote: (bytes: Buffer, isError: boolean) => Promise<void>;
  /** Nothing of the process is left. */
  readonly ended: (id: string) => Promise<void>;
}

/**
 * Runs the process on top of a layer and returns what it changed as a new one; undefined when that is nothing. Whatever happens,
 * abort included, nothing of it is left but that layer.
 *
 * @throws {Fault} `invalid` with `exitCode` in its detail when it ends with another code than 0, and for what cannot be started;
 *   `exhausted` for a full disk
 */
export async function runStep(
  context: BuildContext,
  step: ExecStep,
  parent: Digest | undefined,
  output: ExecOutput,
  lease: Lease,
  signal: AbortSignal,
): Promise<BuiltLayer | undefined> {
  const { snapshots, workshop } = context;
  const id = randomBytes(32).toString("hex");
  await using undo = new AsyncDisposableStack();
  undo.defer(() => snapshots.remove(id).catch(() => undefined));
  await snapshots.prepare(id, parent, signal);
  const mount = snapshots.mountOf(id);
  if (mount.upper !== undefined)
    await writeFile(join(snapshots.root, mount.upper, ".dockerenv"), "", { mode: 0o755 });
  const { exitCode, isOomKilled } = await runProcess(context, id, step, output, signal);
  signal.throwIfAborted();
  if (exitCode !== 0) {
    const reason = isOomKilled ? " (out of memory)" : "";
    throw new Fault(
      "invalid",
      `The command '${step.args.join(" ")}' returned a non-zero code: ${exitCode}${reason}`,
      { detail: { exitCode } },
    );
  }
  const made = [...placeholders, ...step.mounts.map(({ destination }) => destination)];
  const layer = await workshop.turnIntoLayer(id, parent, made, lease, signal);
  await output.ended(id);
  return layer;
}

async function runProcess(
  context: BuildContext,
  id: string,
  step: ExecStep,
  output: ExecOutput,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number; readonly isOomKilled: boolean }> {
  const { networks, launcher } = context;
  const { config, hostConfig } = configOf(context, id, step);
  await using undo = new AsyncDisposableStack();
  const users = await openUsers(context, id, hostConfig, undo);
  undo.defer(() => networks.release(id));
  const sandbox = await networks.acquire(
    {
      containerId: id,
      containerName: `build-${id.slice(0, 12)}`,
      hostname: config.Hostname,
      networks: [networkOf(hostConfig.NetworkMode)],
      portBindings: {},
      exposedPorts: [],
      publishAll: false,
      ...(users !== undefined && { owner: users.source }),
    },
    signal,
  );
  undo.defer(() => removeFolder(containerFolder(context.paths, id)));
  undo.defer(() => launcher.clear(id));
  const { task } = await launcher.prepare({
    id,
    config,
    hostConfig,
    args: step.args,
    // All of them are the builder's own: contexts, stages, caches, secrets.
    mounts: users === undefined ? step.mounts : step.mounts.map((mount) => ({ ...mount, isMapped: true })),
    sandbox,
    resolvConf: networks.resolvConf(sandbox.endpoints, { dns: [], search: [], options: [] }),
    hosts: { hostGateway: networks.hostGateway, links: [] },
    joined: {},
    ...(users !== undefined && { users }),
    logArguments: [],
  });
  undo.defer(() => endTask(task));
  const streams = await openAttach(task.socket, { stdin: false, stdout: true, stderr: true });
  undo.defer(() => void streams.destroy());
  const kill = () => task.control.signal(9);
  signal.throwIfAborted();
  await output.started(id);
  task.control.go();
  await started(task, step.args);
  signal.addEventListener("abort", kill, { once: true });
  undo.defer(() => signal.removeEventListener("abort", kill));
  if (signal.aborted) kill();
  await readFrames(streams, output.wrote);
  const exited = await task.control.exited;
  const { isOomKilled } = await launcher.settle(id);
  return { exitCode: exited?.exitCode ?? 137, isOomKilled };
}

/** IDs of the step's own, for as long as it runs. @throws {Fault} `invalid` for modes that do not go with a user namespace */
async function openUsers(
  { idRanges, isRemapped, launcher }: BuildContext,
  id: string,
  hostConfig: HostConfig,
  undo: AsyncDisposableStack,
): Promise<UserNamespace | undefined> {
  if (usernsModeOf(hostConfig, { isRemapped, kernel: launcher.host.kernel }) === "host") return undefined;
  const range = idRanges.allocate(id);
  undo.defer(() => idRanges.release(id, range));
  const source = await launcher.openUserNamespace(range);
  undo.defer(() => launcher.letGo(source));
  return { range, source };
}

/** Fine for one that has ended. */
async function endTask(task: Task): Promise<void> {
  task.control.signal(9);
  await task.control.exited;
  task.control.detach();
}

async function started(task: Task, args: readonly string[]): Promise<void> {
  try {
    await task.control.started;
  } catch (error) {
    const failure = explainStartFailure(messageOf(error), args, "create");
    const kind = isFullDisk(failure.message) ? "exhausted" : failure.isClients ? "invalid" : "internal";
    throw new Fault(kind, failure.message);
  }
}

/** @throws {Fault} `invalid` for another container's */
function networkOf(mode: string) {
  if (mode.startsWith("container:"))
    throw new Fault("invalid", `steps of a build cannot join a container's network: ${mode}`);
  return { ref: mode === "default" ? "bridge" : mode, settings: {} };
}

function configOf({ launcher }: BuildContext, id: string, step: ExecStep) {
  const { host, cgroups, runtimes } = launcher;
  const { config, hostConfig } = normalizeCreate(
    {
      Image: "build",
      Cmd: step.args,
      Env: step.env,
      User: step.user,
      WorkingDir: step.workingDir,
      Hostname: step.hostname ?? (step.networkMode === "host" ? hostName() : id.slice(0, 12)),
      HostConfig: {
        ...step.limits,
        NetworkMode: step.networkMode,
        Privileged: step.isPrivileged,
        LogConfig: { Type: "none", Config: {} },
      },
    },
    51,
    {
      cgroupnsMode: cgroups.layout.kind === "v2" ? "private" : "host",
      runtime: runtimes.defaultName,
    },
  );
  return { config, hostConfig: validateHostConfig(config, hostConfig, host).hostConfig };
}
