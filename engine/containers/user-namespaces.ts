import { Fault } from "#base/fault.ts";
import type { IdRange } from "#base/id-range.ts";
import type { UserNamespace } from "#engine/runtime/launcher.ts";
import { usernsModeOf } from "#engine/runtime/userns-mode.ts";
import type { ContainerContext } from "./context.ts";
import type { ContainerRecord } from "./record.ts";

/**
 * The IDs of a new container: those of the one whose namespaces it joins, else a range of its own; undefined for the host's.
 * They are taken when this returns.
 *
 * @throws {Fault} `invalid` for modes that do not go with a user namespace; `exhausted`
 */
export function takeIdRange(
  context: ContainerContext,
  { id, hostConfig }: Pick<ContainerRecord, "id" | "hostConfig">,
): IdRange | undefined {
  const { idRanges, isRemapped, launcher } = context;
  if (usernsModeOf(hostConfig, { isRemapped, kernel: launcher.host.kernel }) === "host") return undefined;
  if (launcher.runtimes.get(hostConfig.Runtime).dialect !== "crun")
    throw new Fault("invalid", `user namespaces need the runtime crun, not ${hostConfig.Runtime}`);
  const [donor, ...others] = donorsOf(context, { hostConfig });
  if (donor === undefined) return idRanges.allocate(id);
  const range = donor.idRange;
  if (range === undefined)
    throw new Fault(
      "invalid",
      `cannot share a namespace of container ${donor.id}, which has no user namespace, when user namespaces are enabled`,
    );
  if (others.some(({ idRange }) => idRange?.base !== range.base))
    throw new Fault("invalid", "cannot share namespaces of containers with different user namespaces");
  idRanges.adopt(id, range);
  return range;
}

/**
 * The user namespace of a container that is being started; `undo` lets go of it. Undefined for the host's.
 *
 * @throws {Fault} `conflict` when the container whose namespaces it joins does not run, or is another one by now
 */
export async function openUserNamespace(
  context: ContainerContext,
  { idRange, hostConfig }: ContainerRecord,
  undo: AsyncDisposableStack,
): Promise<UserNamespace | undefined> {
  if (idRange === undefined) return undefined;
  const [donor] = donorsOf(context, { hostConfig });
  if (donor !== undefined) {
    if (donor.state.pid === 0)
      throw new Fault("conflict", `cannot join namespace of a non running container: ${donor.id}`);
    if (donor.idRange?.base !== idRange.base)
      throw new Fault(
        "conflict",
        `container ${donor.id} has another user namespace than when this one was made`,
      );
    return { range: idRange, source: `/proc/${donor.state.pid}/ns/user` };
  }
  const { launcher } = context;
  const handle = await launcher.openUserNamespace(idRange);
  undo.defer(() => launcher.letGo(handle));
  return { range: idRange, source: handle };
}

/** The containers whose namespaces one joins. One that is not there is for others to complain about. */
function donorsOf(
  { registry }: ContainerContext,
  { hostConfig }: Pick<ContainerRecord, "hostConfig">,
): readonly ContainerRecord[] {
  return [hostConfig.NetworkMode, hostConfig.IpcMode, hostConfig.PidMode]
    .filter((mode) => mode.startsWith("container:"))
    .map((mode) => registry.find(mode.slice("container:".length)))
    .filter((donor) => donor !== undefined);
}
