import type { Node, NodeStatus } from "#api/kube/types/core.ts";
import type { Lease } from "#api/kube/types/coordination.ts";
import { isStatus } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import { sleep } from "#base/timers.ts";
import { leases, nodes } from "#client/kube/resources.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { PressureType } from "./eviction/thresholds.ts";
import type { NodeDeps } from "./node-deps.ts";
import {
  newNode,
  nodeLabels,
  type NodeFacts,
  nodeStatus,
  reportImages,
  runtimeProblem,
} from "./node-object.ts";

const leaseNamespace = "kube-node-lease";
const [leaseMs, leaseSeconds] = [10_000, 40];
const [lookMs, reportMs] = [10_000, 300_000];
const firstRetryMs = 200;

/** Makes the node known to the cluster and keeps it so: its object, its status when it changes, its lease every ten seconds. */
export class NodeReporter {
  readonly #deps: NodeDeps;
  readonly #facts: NodeFacts;
  readonly #runtime: { readonly name: string; readonly version: string };
  #node: Node | undefined;
  readonly #pressures: () => ReadonlySet<PressureType>;
  #told = "";
  #toldMs = 0;

  constructor(
    deps: NodeDeps,
    facts: NodeFacts,
    runtime: { readonly name: string; readonly version: string },
    pressures: () => ReadonlySet<PressureType>,
  ) {
    this.#pressures = pressures;
    this.#deps = deps;
    this.#facts = facts;
    this.#runtime = runtime;
  }

  /** The node as the API has it. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** What containers without limits count with. */
  get allocatable(): Readonly<Record<string, string>> {
    return nodeStatus({ ...this.#empty(), images: [] }).allocatable ?? {};
  }

  /** Tells the API now, rather than at the next look. What it fails at is told then. */
  async tell(signal: AbortSignal): Promise<void> {
    if (this.#node === undefined) return;
    await this.#report(signal).catch((error: unknown) =>
      this.#deps.log.debug("the node could not be reported", { reason: messageOf(error) }),
    );
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#repeat(signal, (s) => this.#register(s), undefined);
    await Promise.all([
      this.#repeat(signal, (s) => this.#report(s), lookMs),
      this.#repeat(signal, (s) => this.#renew(s), leaseMs),
    ]);
  }

  /** @param everyMs undefined: until it succeeds once */
  async #repeat(
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<void>,
    everyMs: number | undefined,
  ): Promise<void> {
    for (let delayMs = firstRetryMs; !signal.aborted; ) {
      let waitMs = everyMs;
      try {
        await work(AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
        if (everyMs === undefined) return;
        delayMs = firstRetryMs;
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.log.debug("the node could not be reported and is tried again", {
          reason: messageOf(error),
        });
        waitMs = delayMs;
        delayMs = Math.min(delayMs * 2, leaseMs);
      }
      await sleep(this.#deps.timers, waitMs ?? firstRetryMs, signal).catch(() => {});
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    const client = this.#deps.kube.of(nodes);
    const wanted = newNode(this.#facts);
    try {
      this.#node = await client.create(wanted, signal);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
      const ref = { name: this.#facts.nodeName };
      this.#node = await client.patch(
        ref,
        { metadata: { labels: nodeLabels(this.#facts) } },
        { type: "strategic" },
        signal,
      );
    }
    await this.#report(signal);
    this.#deps.log.info("node registered", { node: this.#facts.nodeName });
  }

  async #report(signal: AbortSignal): Promise<void> {
    const { cri, kube, timers } = this.#deps;
    const [problem, images] = await Promise.all([
      runtimeProblem(cri, signal).catch((error: unknown) => `container runtime is down: ${messageOf(error)}`),
      reportImages(cri, signal).catch(() => []),
    ]);
    const ref = { name: this.#facts.nodeName };
    const node = await kube.of(nodes).get(ref, signal);
    this.#node = node;
    const status = nodeStatus({ ...this.#empty(), before: node.status ?? {}, problem, images });
    const facts = JSON.stringify({
      ...status,
      conditions: status.conditions?.map(({ type, status: is, reason }) => [type, is, reason]),
    });
    const isFresh = facts === this.#told && timers.now() - this.#toldMs < reportMs;
    const isKept =
      node.status?.conditions?.find(({ type }) => type === "Ready")?.status ===
      status.conditions?.find(({ type }) => type === "Ready")?.status;
    if (isFresh && isKept) return;
    this.#node = await kube
      .of(nodes)
      .patch(ref, { status: patched(status) }, { type: "strategic", subresource: "status" }, signal);
    this.#told = facts;
    this.#toldMs = timers.now();
  }

  #empty() {
    const now = timeText(this.#deps.timers.now());
    const pressures = this.#pressures();
    return { facts: this.#facts, before: {}, runtime: this.#runtime, problem: undefined, pressures, now };
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { kube, timers } = this.#deps;
    const renewTime = new Date(timers.now()).toISOString().replace("Z", "000Z");
    const ref = { namespace: leaseNamespace, name: this.#facts.nodeName };
    const spec = { holderIdentity: this.#facts.nodeName, leaseDurationSeconds: leaseSeconds, renewTime };
    try {
      await kube.of(leases).patch(ref, { spec }, { type: "merge" }, signal);
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
      await kube.of(leases).create(this.#newLease(spec), signal);
    }
  }

  #newLease(spec: NonNullable<Lease["spec"]>): Lease {
    const owner = {
      apiVersion: "v1",
      kind: "Node",
      name: this.#facts.nodeName,
      uid: this.#node?.metadata.uid ?? "",
    };
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: this.#facts.nodeName, namespace: leaseNamespace, ownerReferences: [owner] },
      spec,
    };
  }
}

/** Addresses are replaced: those of before are gone. */
function patched(status: NodeStatus): object {
  return { ...status, addresses: [...(status.addresses ?? []), { $patch: "replace" }] };
}
