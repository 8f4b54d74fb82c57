import { type Loose, Rest } from "./rest.ts";

/** What a pod's status becomes once it has a node; undefined: it stays as it is. */
export type Behaviour = (pod: Loose) => Loose | undefined;

/** Nodes without containers: pods that get one of them become at once what the test says, and go when they are deleted. */
export class SimulatedNodes implements AsyncDisposable {
  readonly #rest: Rest;
  readonly #behaviour: Behaviour;
  readonly #seen = new Set<string>();
  readonly #stop = new AbortController();
  #following: Promise<void> = Promise.resolve();

  static async open(rest: Rest, names: readonly string[], behaviour: Behaviour): Promise<SimulatedNodes> {
    const nodes = new SimulatedNodes(rest, behaviour);
    for (const name of names) await addNode(rest, name);
    nodes.#following = nodes.#follow(rest.watch("/api/v1/pods?watch=1", nodes.#stop.signal));
    return nodes;
  }

  private constructor(rest: Rest, behaviour: Behaviour) {
    this.#rest = rest;
    this.#behaviour = behaviour;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(watch: AsyncGenerator<Loose, void>): Promise<void> {
    try {
      for await (const { type, object } of watch)
        if (type !== "DELETED" && object.spec.nodeName !== undefined) await this.#act(object);
    } catch {
      // Disposed of, or the server has gone.
    }
  }

  async #act({ metadata, spec, ...pod }: Loose): Promise<void> {
    const { namespace, name, uid, deletionTimestamp } = metadata as Record<string, string>;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    if (deletionTimestamp !== undefined) {
      await this.#rest.send("DELETE", path, { gracePeriodSeconds: 0, preconditions: { uid } });
      return;
    }
    if (this.#seen.has(uid ?? "")) return;
    this.#seen.add(uid ?? "");
    const status = this.#behaviour({ metadata, spec, ...pod });
    if (status !== undefined) await setStatus(this.#rest, path, status);
  }
}

/** Writes a status as a node does. */
export async function setStatus(rest: Rest, path: string, status: Loose): Promise<void> {
  const type = "application/merge-patch+json";
  const answer = await rest.send("PATCH", `${path}/status`, { status }, { type });
  if (answer.status >= 300 && answer.status !== 404) throw new Error(JSON.stringify(answer.body));
}

export function running(pod: Loose, isReady = true): Loose {
  const now = new Date().toISOString();
  const condition = (type: string, is: boolean) => ({
    type,
    status: is ? "True" : "False",
    lastTransitionTime: now,
  });
  return {
    phase: "Running",
    conditions: [condition("ContainersReady", isReady), condition("Ready", isReady)],
    containerStatuses: pod["spec"].containers.map(({ name, image }: Loose) => ({
      name,
      image,
      imageID: "",
      ready: isReady,
      restartCount: 0,
      state: { running: { startedAt: now } },
    })),
  };
}

export function finished(pod: Loose, exitCode: number, more: Loose = {}): Loose {
  const finishedAt = new Date().toISOString();
  return {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    containerStatuses: pod["spec"].containers.map(({ name, image }: Loose) => ({
      name,
      image,
      imageID: "",
      ready: false,
      restartCount: 0,
      state: { terminated: { exitCode, startedAt: finishedAt, finishedAt } },
    })),
    ...more,
  };
}

async function addNode(rest: Rest, name: string): Promise<void> {
  await rest.ok("POST", "/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
  const allocatable = { cpu: "64", memory: "64Gi", pods: "500" };
  const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: new Date().toISOString() }];
  await setStatus(rest, `/api/v1/nodes/${name}`, { capacity: allocatable, allocatable, conditions });
}
