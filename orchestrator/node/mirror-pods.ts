import type { Pod } from "#api/kube/types/core-pods.ts";
import { isStatus } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import { pods } from "#client/kube/resources.ts";
import type { NodeDeps } from "./node-deps.ts";
import { isDeleted, nameOf, namespaceOf, uidOf } from "./pod.ts";
import { findMirrorHash, mirrorOf } from "./static-pods.ts";

export interface MirrorDeps extends NodeDeps {
  /** The node as the API has it. */
  readonly node: () => { readonly name: string; readonly uid: string } | undefined;
  /** What the API has of the pods of this node. */
  readonly find: (namespace: string, name: string) => Pod | undefined;
  readonly list: () => Iterable<Pod>;
}

/** The mirror of a pod from a file, where the API has it as it is now. */
export function findMirror(deps: Pick<MirrorDeps, "find">, pod: Pod): Pod | undefined {
  const found = deps.find(namespaceOf(pod), nameOf(pod));
  return found !== undefined && findMirrorHash(found) === uidOf(pod) && !isDeleted(found) ? found : undefined;
}

/** Makes the API have a mirror of each pod from a file, and none of any other. May be repeated; what fails is tried the next time. */
export async function syncMirrors(
  deps: MirrorDeps,
  wanted: readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  const node = deps.node();
  if (node === undefined) return;
  const hashes = new Set(wanted.map(uidOf));
  for (const mirror of deps.list()) {
    const hash = findMirrorHash(mirror);
    if (hash !== undefined && (!hashes.has(hash) || isDeleted(mirror)))
      await attempt(deps, mirror, () => remove(deps, mirror, signal));
  }
  for (const pod of wanted) {
    if (findMirror(deps, pod) !== undefined) continue;
    await attempt(deps, pod, () => deps.kube.of(pods).create(mirrorOf(pod, node), signal));
  }
}

function remove(deps: MirrorDeps, mirror: Pod, signal: AbortSignal): Promise<unknown> {
  const ref = { namespace: namespaceOf(mirror), name: nameOf(mirror) };
  return deps.kube
    .of(pods)
    .delete(ref, { gracePeriodSeconds: 0, preconditions: { uid: uidOf(mirror) } }, signal);
}

async function attempt({ log }: MirrorDeps, pod: Pod, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isStatus(error, "AlreadyExists") || isStatus(error, "NotFound")) return;
    log.debug("a mirror pod could not be written", { pod: nameOf(pod), error: messageOf(error) });
  }
}
