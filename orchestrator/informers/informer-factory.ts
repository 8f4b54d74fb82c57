import type { KubeObject } from "#api/kube/meta.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { Informer } from "./informer.ts";
import type { ReflectorDeps, Selection } from "./reflector.ts";

/** One cache for each resource (and selection) of a process, however many use it. */
export class InformerFactory {
  readonly #kube: KubeClient;
  readonly #deps: ReflectorDeps;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #running = new Set<Promise<void>>();
  #signal: AbortSignal | undefined;

  constructor(kube: KubeClient, deps: ReflectorDeps) {
    this.#kube = kube;
    this.#deps = deps;
  }

  /** The informer of a resource; it runs if the factory does. */
  of<T extends KubeObject>(resource: KubeResource<T>, selection: Selection = {}): Informer<T> {
    const { namespace = "", labelSelector = "", fieldSelector = "" } = selection;
    const key = [
      resource.group,
      resource.version,
      resource.resource,
      namespace,
      labelSelector,
      fieldSelector,
    ];
    const known = this.#informers.get(key.join("\n"));
    if (known !== undefined) return known as unknown as Informer<T>;
    const made = new Informer<T>(this.#kube.of(resource), this.#deps, selection);
    this.#informers.set(key.join("\n"), made as unknown as Informer<KubeObject>);
    if (this.#signal !== undefined) this.#run(made, this.#signal);
    return made;
  }

  /** Lets all informers run, those made later too, until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const informer of this.#informers.values()) this.#run(informer, signal);
  }

  /** Settles when all of them have synced. */
  async synced(signal: AbortSignal): Promise<void> {
    for (const informer of this.#informers.values()) await informer.synced(signal);
  }

  /** Settles when all of them have ended, which they do when the signal aborts. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  #run(informer: Pick<Informer<KubeObject>, "run">, signal: AbortSignal): void {
    const run = informer.run(signal).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }
}
