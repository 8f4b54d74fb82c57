import type { KubeObject } from "#api/kube/meta.ts";
import type { ConfigMap, Secret } from "#api/kube/types/core.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { configMaps, secrets } from "#client/kube/resources.ts";
import { Informer } from "#orchestrator/informers/informer.ts";
import type { ReflectorDeps } from "#orchestrator/informers/reflector.ts";

export interface WatchDeps extends ReflectorDeps {
  readonly kube: KubeClient;
  /** An object that the pod uses has changed. */
  readonly changed: (podUid: string) => void;
}

interface Watched {
  readonly informer: Informer<KubeObject>;
  readonly users: Set<string>;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

const syncMs = 10_000;

/** Objects that pods of this node refer to, one watch for each, as long as some pod uses it. */
export class ObjectWatches implements AsyncDisposable {
  readonly #deps: WatchDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  configMap(
    podUid: string,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<ConfigMap | undefined> {
    return this.#get(configMaps, podUid, namespace, name, signal);
  }

  secret(podUid: string, namespace: string, name: string, signal: AbortSignal): Promise<Secret | undefined> {
    return this.#get(secrets, podUid, namespace, name, signal);
  }

  /** The pod is gone: what only it used is watched no more. */
  release(podUid: string): void {
    for (const [key, watched] of this.#watched) {
      if (!watched.users.delete(podUid) || watched.users.size > 0) continue;
      this.#watched.delete(key);
      watched.stop.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#watched.values()];
    this.#watched.clear();
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  async #get<T extends KubeObject>(
    resource: KubeResource<T>,
    podUid: string,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const key = `${resource.resource}/${namespace}/${name}`;
    const watched = this.#watched.get(key) ?? this.#watch(key, resource, namespace, name);
    watched.users.add(podUid);
    await watched.informer.synced(AbortSignal.any([signal, AbortSignal.timeout(syncMs)]));
    return watched.informer.cache.find({ namespace, name }) as T | undefined;
  }

  #watch<T extends KubeObject>(
    key: string,
    resource: KubeResource<T>,
    namespace: string,
    name: string,
  ): Watched {
    const client = this.#deps.kube.of(resource);
    const selection = { namespace, fieldSelector: `metadata.name=${name}` };
    const informer = new Informer<T>(client, this.#deps, selection) as unknown as Informer<KubeObject>;
    const stop = new AbortController();
    const users = new Set<string>();
    const tell = () => {
      for (const user of users) this.#deps.changed(user);
    };
    informer.handle({ added: tell, updated: tell, deleted: tell });
    const watched = { informer, users, stop, ended: informer.run(stop.signal) };
    this.#watched.set(key, watched);
    return watched;
  }
}
