import { realpath } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import { type HostMount, hostMounts } from "#host/mounts.ts";

/**
 * Mounts travel between a bind and its source only when the mount that the source lies on takes part in that.
 *
 * @throws {Fault} `invalid` with Docker's texts when it does not
 */
export async function checkPropagation(source: string, propagation: string): Promise<void> {
  const wantsShared = propagation === "shared" || propagation === "rshared";
  const wantsSlave = propagation === "slave" || propagation === "rslave";
  if (!wantsShared && !wantsSlave) return;
  const mount = mountOf(await realpath(source), hostMounts());
  if (mount === undefined || mount.isShared || (wantsSlave && mount.isSlave)) return;
  const kind = wantsShared ? "a shared mount" : "a shared or slave mount";
  throw new Fault("invalid", `path ${source} is mounted on ${mount.target} but it is not ${kind}`);
}

/** The mount that a path without links lies on: of several at one place the last one counts. */
export function mountOf(path: string, mounts: readonly HostMount[]): HostMount | undefined {
  let found: HostMount | undefined;
  for (const mount of mounts) {
    const isAbove = mount.target === "/" || path === mount.target || path.startsWith(`${mount.target}/`);
    if (isAbove && mount.target.length >= (found?.target.length ?? 0)) found = mount;
  }
  return found;
}
