import type { Lease } from "#api/kube/types/coordination.ts";
import { isStatus } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { sleep, type Timers } from "#base/timers.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { leases } from "#client/kube/resources.ts";

export interface ElectionDeps {
  readonly kube: KubeClient;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
}

export interface Election {
  readonly namespace: string;
  /** Of the lease that all candidates want. */
  readonly name: string;
  /** Of this candidate; nobody else's, not that of an earlier process either. */
  readonly identity: string;
}

/** As upstream's leader election has them. */
const leaseMs = 15_000;
const renewWithinMs = 10_000;
const retryMs = 2000;
const attemptMs = 5000;
const releaseWithinMs = 2000;

/** A lease as it was seen, and when it was seen to change, by our own clock: others' are not to be trusted. */
interface Seen {
  readonly lease: Lease;
  readonly changed: string;
  readonly atMs: number;
}

/**
 * Does the work while this candidate leads, and only then; begins again after it has lost the lease. Resolves once the signal
 * aborts, the work is over and the lease is given back, so that the next one need not wait for its end.
 *
 * @see Kubernetes, coordination.k8s.io/v1 Lease; client-go, leader election
 */
export async function whileLeading(
  deps: ElectionDeps,
  election: Election,
  work: () => AsyncDisposable,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(deps, election);
  const { timers, random, log } = deps;
  while (!signal.aborted) {
    if (await candidate.tryLead(signal)) {
      log.info("leads", { lease: election.name, identity: election.identity });
      const working = work();
      try {
        await candidate.lead(signal);
      } finally {
        await working[Symbol.asyncDispose]();
      }
      if (!signal.aborted) log.warn("does not lead any more", { lease: election.name });
    }
    await sleep(timers, retryMs * (1 + 0.2 * random()), signal).catch(() => {});
  }
  await candidate.release();
}

class Candidate {
  readonly #deps: ElectionDeps;
  readonly #election: Election;
  #seen: Seen | undefined;
  /** When the lease was asked for that was got last: for others it may count from then on. */
  #heldMs = 0;

  constructor(deps: ElectionDeps, election: Election) {
    this.#deps = deps;
    this.#election = election;
  }

  /** Takes the lease, or keeps it. False when it is somebody else's, or cannot be reached in time. */
  async tryLead(signal: AbortSignal, mostMs = attemptMs): Promise<boolean> {
    const { timers, log } = this.#deps;
    const askedMs = timers.now();
    try {
      if (!(await this.#claim(AbortSignal.any([signal, AbortSignal.timeout(mostMs)])))) return false;
      this.#heldMs = askedMs;
      return true;
    } catch (error) {
      const isLate = isStatus(error, "Conflict") || isStatus(error, "AlreadyExists");
      if (!signal.aborted && !isLate)
        log.warn("a lease cannot be had", { lease: this.#election.name, reason: messageOf(error) });
      return false;
    }
  }

  /** Resolves when the lease is lost, or will be before it could be renewed, or the signal aborts. */
  async lead(signal: AbortSignal): Promise<void> {
    const { timers } = this.#deps;
    for (;;) {
      await sleep(timers, retryMs, signal).catch(() => {});
      const leftMs = this.#heldMs + renewWithinMs - timers.now();
      if (signal.aborted || leftMs <= 0) return;
      if (await this.tryLead(signal, Math.min(leftMs, attemptMs))) continue;
      if (this.#seen !== undefined && !this.#isOwn(this.#seen.lease)) return;
    }
  }

  async #claim(signal: AbortSignal): Promise<boolean> {
    const client = this.#deps.kube.of(leases);
    const found = await client.find(this.#election, signal);
    if (found === undefined) {
      this.#see(await client.create(this.#claimed(undefined), signal));
      return true;
    }
    this.#look(found);
    if (!this.#isFree(found)) return false;
    this.#see(await client.update(this.#claimed(found), signal));
    return true;
  }

  async release(): Promise<void> {
    const { lease } = this.#seen ?? {};
    if (lease === undefined || !this.#isOwn(lease)) return;
    const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
    const until = AbortSignal.timeout(releaseWithinMs);
    await this.#deps.kube
      .of(leases)
      .update({ ...lease, spec }, until)
      .catch(() => undefined);
  }

  #isOwn({ spec }: Lease): boolean {
    return spec?.holderIdentity === this.#election.identity;
  }

  #isFree(lease: Lease): boolean {
    if (this.#isOwn(lease) || (lease.spec?.holderIdentity ?? "") === "") return true;
    return this.#deps.timers.now() - (this.#seen?.atMs ?? 0) > leaseMs;
  }

  #look(lease: Lease): void {
    const changed = `${lease.spec?.holderIdentity} ${lease.spec?.renewTime}`;
    if (this.#seen?.changed !== changed) this.#see(lease);
  }

  #see(lease: Lease): void {
    const changed = `${lease.spec?.holderIdentity} ${lease.spec?.renewTime}`;
    this.#seen = { lease, changed, atMs: this.#deps.timers.now() };
  }

  #claimed(before: Lease | undefined): Lease {
    const { namespace, name, identity } = this.#election;
    const now = new Date(this.#deps.timers.now()).toISOString().replace("Z", "000Z");
    const isOurs = before !== undefined && this.#isOwn(before);
    const { leaseTransitions = 0, acquireTime = now } = before?.spec ?? {};
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: before?.metadata ?? { namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: leaseMs / 1000,
        acquireTime: isOurs ? acquireTime : now,
        renewTime: now,
        leaseTransitions: before === undefined || isOurs ? leaseTransitions : leaseTransitions + 1,
      },
    };
  }
}
