import { isDeepStrictEqual } from "node:util";
import type { Pod, PodStatus } from "#api/kube/types/core-pods.ts";
import { isStatus } from "#api/kube/status.ts";
import { sleep } from "#base/timers.ts";
import { pods } from "#client/kube/resources.ts";
import type { NodeDeps } from "./node-deps.ts";
import { nameOf, namespaceOf, uidOf } from "./pod.ts";

/** The conditions that the agent writes; others' are left alone. */
const ownConditions = new Set([
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
]);
const [firstRetryMs, longestRetryMs] = [200, 10_000];

interface Entry {
  readonly pod: Pod;
  status: PodStatus;
  written: PodStatus | undefined;
  /** The pod's resourceVersion with what was written. */
  version: string;
  /** How the API had the pod while something was being written. */
  seen: Pod | undefined;
  /** The pod is to be removed from the API when this status has been told. */
  isFinal: boolean;
  isWriting: boolean;
}

/** Tells the API how pods are: the newest status of each, in order, again and again until it is taken. */
export class StatusWriter implements AsyncDisposable {
  readonly #deps: NodeDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(deps: NodeDeps) {
    this.#deps = deps;
  }

  /** What was told last, or is about to be. */
  find(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.status;
  }

  /** @param target the pod whose status it is; of a pod from a file its mirror */
  set(target: Pod, status: PodStatus): void {
    const entry = this.#entryOf(target);
    entry.status = status;
    this.#write(entry);
  }

  /** Nothing of the pod runs any more: once that has been told, the API may forget it. */
  finish(target: Pod): void {
    const entry = this.#entryOf(target);
    entry.isFinal = true;
    this.#write(entry);
  }

  /** The API has the pod like this: what others made of a status is put right. */
  observe(target: Pod): void {
    const entry = this.#entries.get(uidOf(target));
    if (entry === undefined) return;
    if (entry.isWriting) {
      entry.seen = target;
      return;
    }
    if (!isNewer(target.metadata.resourceVersion, entry.version)) return;
    const found = sameParts(comparable(target.status ?? {}), entry.written ?? {});
    if (isDeepStrictEqual(found, entry.written)) return;
    entry.written = found;
    this.#write(entry);
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  #entryOf(pod: Pod): Entry {
    const known = this.#entries.get(uidOf(pod));
    if (known !== undefined) return known;
    const status = pod.status ?? {};
    const entry: Entry = {
      pod,
      status,
      written: comparable(status),
      version: pod.metadata.resourceVersion ?? "",
      seen: undefined,
      isFinal: false,
      isWriting: false,
    };
    this.#entries.set(uidOf(pod), entry);
    return entry;
  }

  #write(entry: Entry): void {
    if (entry.isWriting || this.#stop.signal.aborted) return;
    entry.isWriting = true;
    const work = this.#run(entry).finally(() => {
      entry.isWriting = false;
      this.#running.delete(work);
      const { seen } = entry;
      entry.seen = undefined;
      if (seen !== undefined && this.#entries.get(uidOf(seen)) === entry) this.observe(seen);
    });
    this.#running.add(work);
  }

  async #run(entry: Entry): Promise<void> {
    const { signal } = this.#stop;
    for (let delayMs = firstRetryMs; !signal.aborted; delayMs = Math.min(2 * delayMs, longestRetryMs)) {
      try {
        if (await this.#step(entry, signal)) return;
        delayMs = firstRetryMs;
      } catch (error) {
        if (signal.aborted || isGone(error)) return;
        this.#deps.log.debug("a pod's status could not be told and is tried again", {
          pod: uidOf(entry.pod),
          error,
        });
        await sleep(this.#deps.timers, delayMs, signal).catch(() => {});
      }
    }
  }

  /** @returns whether there is nothing more to tell */
  async #step(entry: Entry, signal: AbortSignal): Promise<boolean> {
    const { pod, status, isFinal } = entry;
    const ref = { namespace: namespaceOf(pod), name: nameOf(pod) };
    const own = comparable(status);
    if (!isDeepStrictEqual(own, entry.written)) {
      const patch = { metadata: { uid: uidOf(pod) }, status: patchOf(own, entry.written) };
      const options = { type: "strategic", subresource: "status" } as const;
      const { metadata } = await this.#deps.kube.of(pods).patch(ref, patch, options, signal);
      entry.written = own;
      entry.version = metadata.resourceVersion ?? "";
      return false;
    }
    if (!isFinal) return true;
    const options = { gracePeriodSeconds: 0, preconditions: { uid: uidOf(pod) } };
    await this.#deps.kube.of(pods).delete(ref, options, signal);
    return true;
  }
}

function isGone(error: unknown): boolean {
  return isStatus(error, "NotFound") || (isStatus(error, "Conflict") && /uid/i.test(error.message));
}

function comparable(status: PodStatus): PodStatus {
  const conditions = (status.conditions ?? []).filter(({ type }) => ownConditions.has(type));
  return JSON.parse(
    JSON.stringify({ ...status, conditions }, (_key, value: unknown) => value ?? undefined),
  ) as PodStatus;
}

/** Of versions that both are numbers. */
function isNewer(version = "", than: string): boolean {
  return /^\d+$/.test(version) && /^\d+$/.test(than) && BigInt(version) > BigInt(than);
}

/** What the API has of the parts that were written: it adds parts of its own. */
function sameParts(found: PodStatus, written: PodStatus): PodStatus {
  const order = (written.conditions ?? []).map(({ type }) => type);
  const conditions = (found.conditions ?? []).toSorted(
    (a, b) => order.indexOf(a.type) - order.indexOf(b.type),
  );
  return Object.fromEntries(
    Object.entries({ ...found, conditions }).filter(([name]) => Object.hasOwn(written, name)),
  );
}

/** All of it, with what is no more as null, and lists that others do not write replaced as they are. */
function patchOf(status: PodStatus, before: PodStatus | undefined): object {
  const replaced = (list: readonly object[] | undefined) =>
    list === undefined ? undefined : [...list, { $patch: "replace" }];
  const old = new Map((before?.conditions ?? []).map((condition) => [condition.type, condition]));
  const conditions = (status.conditions ?? []).map((condition) => ({
    ...goneFrom(condition, old.get(condition.type)),
    ...condition,
  }));
  return {
    ...goneFrom(status, before),
    ...status,
    conditions,
    podIPs: replaced(status.podIPs),
    hostIPs: replaced(status.hostIPs),
  };
}

function goneFrom(now: object, before: object | undefined): Readonly<Record<string, null>> {
  const gone = Object.keys(before ?? {}).filter((key) => !(key in now));
  return Object.fromEntries(gone.map((key) => [key, null]));
}
