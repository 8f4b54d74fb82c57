import type { Lease } from "#api/kube/types/coordination.ts";
import { isStatus } from "#api/kube/status.ts";
import type { Log } from "#base/log.ts";
import { sleep, type Timers } from "#base/timers.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { ObjectRef } from "#client/kube/kube-resource.ts";
import { leases } from "#client/kube/resources.ts";

export interface LeaderOptions {
  readonly lease: ObjectRef;
  /** Differs between all that ever run for the lease. */
  readonly identity: string;
  /** Absent: 15 s. How long others wait after the last renewal that they saw. */
  readonly leaseDurationMs?: number;
  /** Absent: 10 s. A leader that could not renew for so long stops. */
  readonly renewDeadlineMs?: number;
  /** Absent: 2 s. */
  readonly retryMs?: number;
}

interface LeaderDeps {
  readonly kube: KubeClient;
  readonly timers: Timers;
  readonly log: Log;
}

/**
 * Runs `lead` while this process holds the lease, again whenever it gets it back, until the signal aborts. The signal that `lead`
 * gets aborts when the lease could not be renewed in time, which is before anyone else takes it. Clocks of machines are not
 * compared: a lease is over when nobody has renewed it for as long as it lasts, by the own clock. Every write carries the
 * resourceVersion that was read, so that two can never take it from each other at once.
 */
export async function runAsLeader(
  deps: LeaderDeps,
  options: LeaderOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(deps, options);
  while (!signal.aborted) {
    if (!(await candidate.acquire(signal))) return;
    deps.log.info("leading", { lease: options.lease.name });
    const lost = new AbortController();
    const leading = lead(AbortSignal.any([signal, lost.signal]));
    await candidate.renewUntilLost(signal, leading);
    lost.abort();
    await leading.catch((error: unknown) => deps.log.warn("a leader failed", { error }));
    if (signal.aborted) await candidate.release();
  }
}

class Candidate {
  readonly #deps: LeaderDeps;
  readonly #options: Required<LeaderOptions>;
  #seen: Lease | undefined;
  #seenAtMs = 0;

  constructor(deps: LeaderDeps, options: LeaderOptions) {
    this.#deps = deps;
    this.#options = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000, ...options };
  }

  /** Settles with true when the lease is held, with false when the signal aborts. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#tryOnce(signal)) return true;
      await sleep(this.#deps.timers, this.#options.retryMs, signal).catch(() => {});
    }
    return false;
  }

  /** Renews until that fails for too long, the signal aborts, or the work ends by itself. */
  async renewUntilLost(signal: AbortSignal, work: Promise<void>): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    void work.then(end, end);
    const either = AbortSignal.any([signal, over.signal]);
    let renewedAtMs = this.#deps.timers.now();
    while (!either.aborted) {
      await sleep(this.#deps.timers, this.#options.retryMs, either).catch(() => {});
      if (either.aborted) return;
      const startedAtMs = this.#deps.timers.now();
      const leftMs = this.#options.renewDeadlineMs - (startedAtMs - renewedAtMs);
      if (leftMs <= 0) return;
      if (await this.#withDeadline(leftMs, either)) renewedAtMs = startedAtMs;
      else if (this.#isHeldByOther()) return;
    }
  }

  /** Lets others have it at once. */
  async release(): Promise<void> {
    const seen = this.#seen;
    if (seen === undefined || this.#isHeldByOther()) return;
    const spec = { ...seen.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: this.#now() };
    const signal = AbortSignal.timeout(2000);
    await this.#deps.kube
      .of(leases)
      .update({ ...seen, spec }, signal)
      .catch(() => {});
  }

  async #withDeadline(leftMs: number, signal: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const cancel = this.#deps.timers.after(leftMs, () => late.abort());
    try {
      return await this.#tryOnce(AbortSignal.any([signal, late.signal]));
    } finally {
      cancel();
    }
  }

  #isHeldByOther(): boolean {
    const holder = this.#seen?.spec?.holderIdentity ?? "";
    return holder !== "" && holder !== this.#options.identity;
  }

  async #tryOnce(signal: AbortSignal): Promise<boolean> {
    const client = this.#deps.kube.of(leases);
    try {
      const current = await client.find(this.#options.lease, signal);
      if (current === undefined) {
        this.#note(await client.create(this.#lease(undefined), signal));
        return true;
      }
      this.#note(current);
      if (this.#isHeldByOther() && !this.#isOver(current)) return false;
      this.#note(await client.update(this.#lease(current), signal));
      return true;
    } catch (error) {
      if (!signal.aborted && !isStatus(error, "Conflict") && !isStatus(error, "AlreadyExists"))
        this.#deps.log.warn("a lease could not be had", { lease: this.#options.lease.name, error });
      return false;
    }
  }

  #note(lease: Lease): void {
    if (this.#seen?.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.#seen = lease;
    this.#seenAtMs = this.#deps.timers.now();
  }

  #isOver(lease: Lease): boolean {
    const durationMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
    return this.#seenAtMs + durationMs < this.#deps.timers.now();
  }

  #lease(current: Lease | undefined): Lease {
    const { identity, leaseDurationMs, lease } = this.#options;
    const isOurs = current?.spec?.holderIdentity === identity;
    const now = this.#now();
    const namespace = lease.namespace ?? "kube-system";
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: current?.metadata ?? { namespace, name: lease.name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.round(leaseDurationMs / 1000),
        acquireTime: isOurs ? (current.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions:
          current === undefined ? 0 : (current.spec?.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
      },
    };
  }

  #now(): string {
    return `${new Date(this.#deps.timers.now()).toISOString().slice(0, 23)}000Z`;
  }
}
