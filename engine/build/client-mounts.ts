import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { EnginePaths } from "#engine/runtime/paths.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import type { FrontEnd } from "./front-end.ts";
import { resolvedMount, type StepMount } from "./step-mount.ts";

/** What a mount of a step became. */
export interface ClientMount {
  readonly mounts: readonly ResolvedMount[];
  /** `name=value`, of this step alone. */
  readonly env?: readonly string[];
}

/**
 * A secret or an agent of the client, below the run folder, which no reboot leaves over, and gone with `undo`.
 *
 * @throws {Fault} `invalid` when it is required and the client has none
 */
export async function clientMount(
  frontEnd: FrontEnd | undefined,
  paths: EnginePaths,
  step: StepMount,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<ClientMount> {
  const { mount } = step;
  if (frontEnd === undefined) {
    if (mount.isRequired !== true) return { mounts: [] };
    throw new Fault(
      "invalid",
      `${mount.type} ${mount.id ?? mount.target ?? "default"}: not found: the classic build API cannot send ${mount.type === "ssh" ? "an agent" : "secrets"}`,
    );
  }
  return mount.type === "ssh"
    ? await agentMount(frontEnd, paths, step, undo, signal)
    : await secretMount(frontEnd, paths, step, undo, signal);
}

async function secretMount(
  frontEnd: FrontEnd,
  paths: EnginePaths,
  { mount, destination }: StepMount,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<ClientMount> {
  const id = mount.id ?? mount.target?.split("/").at(-1) ?? mount.env ?? "";
  const secret = await frontEnd.secret(id, signal);
  if (secret === undefined) {
    if (mount.isRequired !== true) return { mounts: [] };
    throw new Fault("invalid", `secret ${id}: not found`);
  }
  const env = mount.env === undefined ? [] : [`${mount.env}=${Buffer.from(secret).toString("utf8")}`];
  if (mount.env !== undefined && mount.target === undefined) return { mounts: [], env };
  const file = join(await clientRoom(paths, undo), "secret");
  await writeFile(file, secret, { mode: 0o600 });
  await own(file, mount, 0o400);
  return {
    mounts: [resolvedMount("bind", file, destination, ["bind", "ro", "nosuid", "nodev", "noexec"])],
    env,
  };
}

async function agentMount(
  frontEnd: FrontEnd,
  paths: EnginePaths,
  { mount, destination }: StepMount,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<ClientMount> {
  const id = mount.id ?? "default";
  const socket = join(await clientRoom(paths, undo), "agent");
  const agent = await frontEnd.agent(id, socket, signal);
  if (agent === undefined) {
    if (mount.isRequired !== true) return { mounts: [] };
    throw new Fault("invalid", `unset ssh forward key ${id}`);
  }
  undo.use(agent);
  await own(socket, mount, 0o600);
  return {
    mounts: [resolvedMount("bind", socket, destination, ["bind", "nosuid", "nodev", "noexec"])],
    env: [`SSH_AUTH_SOCK=${destination}`],
  };
}

async function own(path: string, { mode, uid, gid }: StepMount["mount"], usual: number): Promise<void> {
  await chmod(path, mode ?? usual);
  await chown(path, uid ?? 0, gid ?? 0);
}

async function clientRoom({ run }: EnginePaths, undo: AsyncDisposableStack): Promise<string> {
  const room = join(clientFolder(run), randomUUID().slice(0, 13));
  undo.defer(() => rm(room, { recursive: true, force: true }));
  await mkdir(room, { recursive: true, mode: 0o711 });
  return room;
}

/** Nothing in it is needed by the next engine. */
export function clientFolder(run: string): string {
  return join(run, "b");
}
