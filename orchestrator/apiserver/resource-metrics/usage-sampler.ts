/** What the API reads of a node's summary. @see Kubernetes kubelet, stats/v1alpha1 Summary */
export interface NodeSummary {
  readonly node: Usage;
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers: readonly (Usage & { readonly name: string })[];
  }[];
}

interface Usage {
  readonly cpu?: { readonly time: string; readonly usageCoreNanoSeconds: number };
  readonly memory?: { readonly workingSetBytes: number };
}

/** What is used at a time, of one thing. */
export interface Measured {
  /** Billionths of a processor, on average since the sample before. */
  readonly nanoCores: number;
  readonly bytes: number;
}

export interface NodeUsage {
  readonly timestamp: Date;
  readonly windowMs: number;
  readonly node: Measured | undefined;
  /** By `namespace/name`, then by container. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, Measured>>;
}

interface Sample {
  readonly atMs: number;
  readonly summary: NodeSummary;
}

export interface SamplerDeps {
  readonly ask: (node: string, signal: AbortSignal) => Promise<NodeSummary>;
  readonly nowMs: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** So old an answer may be. */
const freshMs = 5000;
/** A sample that is older says nothing of now. */
const staleMs = 120_000;
/** Of two samples that are taken for one answer. */
const shortMs = 1000;
const waitMs = 10_000;

/** How much nodes and their pods use: nodes are asked when somebody asks, and not otherwise. */
export class UsageSampler {
  readonly #deps: SamplerDeps;
  readonly #last = new Map<string, { readonly older: Sample; readonly newer: Sample }>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(deps: SamplerDeps) {
    this.#deps = deps;
  }

  /** Undefined for a node that does not answer. */
  async of(node: string, signal: AbortSignal): Promise<NodeUsage | undefined> {
    const known = this.#last.get(node);
    if (known === undefined || this.#deps.nowMs() - known.newer.atMs > freshMs) {
      // All who ask meanwhile get the same answer; who leaves does not take it from the others.
      const asking = this.#asking.get(node) ?? this.#sample(node, AbortSignal.timeout(waitMs));
      this.#asking.set(node, asking);
      await asking;
      signal.throwIfAborted();
    }
    const found = this.#last.get(node);
    return found && usageBetween(found.older, found.newer);
  }

  async #sample(node: string, signal: AbortSignal): Promise<void> {
    try {
      const known = this.#last.get(node)?.newer;
      const isOld = known === undefined || this.#deps.nowMs() - known.atMs > staleMs;
      const older = isOld ? await this.#take(node, signal) : known;
      if (isOld) await this.#deps.wait(shortMs, signal);
      this.#last.set(node, { older, newer: await this.#take(node, signal) });
    } catch {
      this.#last.delete(node);
    } finally {
      this.#asking.delete(node);
    }
  }

  async #take(node: string, signal: AbortSignal): Promise<Sample> {
    const summary = await this.#deps.ask(node, signal);
    return { atMs: this.#deps.nowMs(), summary };
  }
}

function usageBetween(older: Sample, newer: Sample): NodeUsage {
  const before = new Map(older.summary.pods.map((pod) => [keyOf(pod), pod] as const));
  const pods = newer.summary.pods.map((pod) => {
    const was = before.get(keyOf(pod))?.containers;
    const containers = pod.containers.flatMap((container) => {
      const measured = measuredBetween(
        was?.find(({ name }) => name === container.name),
        container,
      );
      return measured === undefined ? [] : [[container.name, measured] as const];
    });
    return [keyOf(pod), new Map(containers)] as const;
  });
  return {
    timestamp: new Date(newer.atMs),
    windowMs: newer.atMs - older.atMs,
    node: measuredBetween(older.summary.node, newer.summary.node),
    pods: new Map(pods),
  };
}

function keyOf({ podRef }: NodeSummary["pods"][number]): string {
  return `${podRef.namespace}/${podRef.name}`;
}

/** Undefined for what was not there before, or has begun anew. */
function measuredBetween(older: Usage | undefined, newer: Usage): Measured | undefined {
  if (older?.cpu === undefined || newer.cpu === undefined || newer.memory === undefined) return undefined;
  const used = newer.cpu.usageCoreNanoSeconds - older.cpu.usageCoreNanoSeconds;
  const ms = Date.parse(newer.cpu.time) - Date.parse(older.cpu.time);
  if (used < 0 || !(ms > 0)) return undefined;
  return { nanoCores: Math.round((used * 1000) / ms), bytes: newer.memory.workingSetBytes };
}
