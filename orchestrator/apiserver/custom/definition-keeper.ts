import { setTimeout as sleep } from "node:timers/promises";
import { isStatus } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { planStatus, withCondition } from "#orchestrator/kinds/custom/accepted-names.ts";
import type { RuleChecker } from "#orchestrator/kinds/custom/custom-strategy.ts";
import { type CustomDefinition, isTrue, schemasIn } from "#orchestrator/kinds/custom/definition.ts";
import type { CallConverter } from "#orchestrator/kinds/custom/webhook-conversion.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { deleteObject } from "../registry/delete.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { placeOf } from "../registry/resource-table.ts";
import { updateObject } from "../registry/update.ts";
import { metadataOf, type WriteRequest } from "../registry/write-request.ts";

const resource = "customresourcedefinitions.apiextensions.k8s.io";
const retryMs = 1000;
/** Holds a definition until its objects have gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";
const self: User = { name: "system:apiserver", groups: ["system:masters"] };

interface Served {
  readonly definitions: readonly ResourceDefinition[];
  /** What they were made from. */
  readonly source: string;
  readonly watch: Disposable;
}

/**
 * Serves custom kinds as their definitions come, change and go: accepts their names, tells so in their status, and deletes their
 * objects before they go.
 */
export class DefinitionKeeper implements AsyncDisposable {
  readonly #registry: RegistryDeps;
  readonly #call: CallConverter;
  readonly #served = new Map<string, Served>();
  readonly #dirty = new Set<string>();
  readonly #stop = new AbortController();
  readonly #changes: Disposable;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;

  private constructor(registry: RegistryDeps, call: CallConverter) {
    this.#registry = registry;
    this.#call = call;
    this.#changes = registry.cache.onChange<CustomDefinition>(resource, (now, before) =>
      this.#enqueue(now ?? before),
    );
  }

  /** Serves what is established already. @param call asks webhooks that convert */
  static async open(registry: RegistryDeps, call: CallConverter): Promise<DefinitionKeeper> {
    const keeper = new DefinitionKeeper(registry, call);
    for (const definition of keeper.#all()) {
      if (isTrue(definition, "Established")) await keeper.#serve(definition);
      keeper.#enqueue(definition);
    }
    return keeper;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#changes[Symbol.dispose]();
    for (const { watch } of this.#served.values()) watch[Symbol.dispose]();
    await this.#running;
  }

  #all(): readonly CustomDefinition[] {
    return [...this.#registry.cache.list<CustomDefinition>(resource)];
  }

  #enqueue(definition: CustomDefinition | undefined): void {
    const name = definition?.metadata.name;
    if (definition === undefined || name === undefined || this.#stop.signal.aborted) return;
    this.#dirty.add(name);
    // A name that has become free may be what others of the group wait for.
    for (const other of this.#all())
      if (other.spec.group === definition.spec.group && !isTrue(other, "NamesAccepted"))
        this.#dirty.add(other.metadata.name ?? "");
    this.#run();
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#drain();
  }

  /** It is over in the same moment that it has looked for the last time: what comes later starts it again. */
  async #drain(): Promise<void> {
    try {
      await this.#syncAll();
    } finally {
      this.#isRunning = false;
    }
  }

  async #syncAll(): Promise<void> {
    for (const name of this.#dirty) {
      if (this.#stop.signal.aborted) return;
      this.#dirty.delete(name);
      try {
        await this.#sync(name);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (isStatus(error, "Conflict") || isStatus(error, "NotFound")) continue; // its change comes as an event
        this.#registry.log.warn("a custom kind is not served as it should be", {
          name,
          error: messageOf(error),
        });
        await sleep(retryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
        this.#dirty.add(name);
      }
    }
  }

  async #sync(name: string): Promise<void> {
    const definition = this.#registry.cache.find<CustomDefinition>(resource, undefined, name);
    if (definition === undefined) return this.#unserve(name);
    if (definition.metadata.deletionTimestamp !== undefined) return await this.#cleanUp(definition);
    const others = this.#all().filter((other) => other.metadata.name !== name);
    const status = planStatus(definition, others, this.#registry.now());
    const next = status === undefined ? definition : { ...definition, status };
    if (isTrue(next, "Established")) await this.#serve(next);
    if (status !== undefined) await this.#writeStatus(name, status as unknown as Draft);
  }

  async #serve(definition: CustomDefinition): Promise<void> {
    const { name = "", generation } = definition.metadata;
    const source = JSON.stringify([definition.spec, definition.status?.acceptedNames, generation]);
    const before = this.#served.get(name);
    if (before?.source === source) return;
    const { customResources } = await import("#orchestrator/kinds/custom/custom-resources.ts");
    const { publishedParts } = await import("#orchestrator/kinds/custom/publish.ts");
    const { resources, cache, newUid } = this.#registry;
    const converter = { call: this.#call, newUid };
    const definitions = customResources(definition, await rulesFor(definition), converter);
    before?.watch[Symbol.dispose]();
    resources.change({ remove: before?.definitions ?? [], add: definitions });
    resources.publish(name, publishedParts(definition));
    const place = `${definition.spec.group}/${definition.spec.names.plural}`;
    const watch = cache.resource(place).onEvent(({ type }) => {
      if (type !== "delete") return;
      const now = cache.find<CustomDefinition>(resource, undefined, name);
      if (now?.metadata.deletionTimestamp !== undefined) this.#enqueue(now);
    });
    this.#served.set(name, { definitions, source, watch });
  }

  #unserve(name: string): void {
    const served = this.#served.get(name);
    if (served === undefined) return;
    this.#served.delete(name);
    served.watch[Symbol.dispose]();
    this.#registry.resources.change({ remove: served.definitions });
    this.#registry.resources.publish(name, []);
  }

  /** Deletes all objects of a kind that goes; when the last one has gone, nothing holds the definition any more. */
  async #cleanUp(definition: CustomDefinition): Promise<void> {
    const { name = "", finalizers = [] } = definition.metadata;
    if (!finalizers.includes(cleanupFinalizer)) return;
    if (isTrue(definition, "Established")) await this.#serve(definition);
    if (!isTrue(definition, "Terminating")) return await this.#markTerminating(name, definition);
    const { signal } = this.#stop;
    await this.#registry.cache.fresh(signal);
    const own = this.#served.get(name)?.definitions[0];
    const all = () => (own === undefined ? [] : this.#registry.cache.resource(placeOf(own)).list());
    for (const { key, object } of all()) {
      if (own === undefined || object.metadata.deletionTimestamp !== undefined) continue;
      await deleteObject(this.#registry, requestFor(own, "", key.namespace), key.name, {}, signal).catch(
        ignoreGone,
      );
    }
    await this.#registry.cache.fresh(signal);
    if (all().length === 0) await this.#release(name);
  }

  async #markTerminating(name: string, definition: CustomDefinition): Promise<void> {
    const condition = {
      type: "Terminating",
      status: "True",
      reason: "InstanceDeletionInProgress",
      message: "CustomResource deletion is in progress",
    } as const;
    const conditions = withCondition(definition.status?.conditions ?? [], condition, this.#registry.now());
    await this.#writeStatus(name, { ...definition.status, conditions });
  }

  async #release(name: string): Promise<void> {
    await this.#update(name, "", (object) => {
      const metadata = metadataOf(object);
      metadata.finalizers = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== cleanupFinalizer);
    });
  }

  async #writeStatus(name: string, status: Draft): Promise<void> {
    await this.#update(name, "status", (object) => {
      object["status"] = structuredClone(status);
    });
  }

  async #update(name: string, subresource: string, change: (object: Draft) => void): Promise<void> {
    const definition = this.#registry.resources.find(
      "apiextensions.k8s.io",
      "v1",
      "customresourcedefinitions",
    );
    if (definition === undefined) return;
    const make = (old: Draft = {}) => {
      change(old);
      return old;
    };
    const request = requestFor(definition, subresource, undefined);
    await updateObject(
      this.#registry,
      request,
      { name, make, mayCreate: false, isRepeatable: false },
      this.#stop.signal,
    );
  }
}

function requestFor(
  definition: ResourceDefinition,
  subresource: string,
  namespace: string | undefined,
): WriteRequest {
  return {
    definition,
    subresource,
    ...(namespace !== undefined && { namespace }),
    user: self,
    isDryRun: false,
    manager: "gantry-server",
    warn() {},
    annotate() {},
  };
}

function ignoreGone(error: unknown): void {
  if (!isStatus(error, "NotFound")) throw error;
}

/** Expressions are loaded when a schema has some. */
async function rulesFor({ spec }: CustomDefinition): Promise<RuleChecker | undefined> {
  for (const { schema } of spec.versions)
    for (const each of schemasIn(schema?.openAPIV3Schema))
      if ((each["x-kubernetes-validations"] ?? []).length > 0) {
        const { celRules } = await import("#orchestrator/kinds/custom/cel-rules.ts");
        return celRules;
      }
  return undefined;
}
