import { isFault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { sleep, type Timers } from "#base/timers.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import { labelOf } from "./labels.ts";

export interface RuntimeEventDeps {
  readonly cri: CriClient;
  readonly timers: Timers;
  readonly log: Log;
  /** Something of the pod has changed in the runtime. */
  readonly changed: (podUid: string) => void;
}

const relistMs = 1_000;
const retryMs = 1_000;

/**
 * Tells of changes in the runtime until the signal aborts: by its events where it has them, else by looking every second. After a
 * connection was lost everything is looked at again.
 */
export async function followRuntime(deps: RuntimeEventDeps, signal: AbortSignal): Promise<void> {
  let hasEvents = true;
  const known = new Map<string, string>();
  while (!signal.aborted) {
    try {
      await relist(deps, known, signal);
      if (hasEvents) await follow(deps, signal);
      else await sleep(deps.timers, relistMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (isFault(error, "not-implemented")) {
        hasEvents = false;
        deps.log.info("the runtime tells of no events: it is looked at every second");
        continue;
      }
      deps.log.warn("the runtime's events ended and are asked for again", { error });
      await sleep(deps.timers, retryMs, signal).catch(() => {});
    }
  }
}

async function follow({ cri, changed }: RuntimeEventDeps, signal: AbortSignal): Promise<void> {
  for await (const event of cri.runtime.getContainerEvents({}, signal)) {
    const uid = event.podSandboxStatus?.metadata?.uid;
    if (uid !== undefined && uid !== "") changed(uid);
  }
}

/** Compares the states of all there is with what it was. */
async function relist(
  { cri, changed }: RuntimeEventDeps,
  known: Map<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const [{ items }, { containers }] = await Promise.all([
    cri.runtime.listPodSandbox({}, signal),
    cri.runtime.listContainers({}, signal),
  ]);
  const states = new Map<string, string[]>();
  const note = (uid: string | undefined, state: string) => {
    if (uid === undefined) return;
    const before = states.get(uid);
    if (before === undefined) states.set(uid, [state]);
    else before.push(state);
  };
  for (const { id, state = 0, labels } of items) note(labels?.get(labelOf.podUid), `${id} ${state}`);
  for (const { id, state = 0, labels } of containers) note(labels?.get(labelOf.podUid), `${id} ${state}`);
  for (const uid of new Set([...known.keys(), ...states.keys()])) {
    const now = states.get(uid)?.toSorted().join("\n");
    if (now === known.get(uid)) continue;
    if (now === undefined) known.delete(uid);
    else known.set(uid, now);
    changed(uid);
  }
}
