import { failure } from "#api/kube/status.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import type { Node } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Column, Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { ApiAnswer } from "../api-request.ts";
import { CachedObject, storedBytes } from "../cache/cached-object.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import { noSuchPath, notFound } from "../errors.ts";
import { listAnswer } from "../handlers/list-answer.ts";
import { parseListOptions } from "../list-options.ts";
import type { RequestScope } from "../pipeline.ts";
import { ResourceTable } from "../registry/resource-table.ts";
import { chooseRepresentation } from "../representation/choose.ts";
import { selectionOf } from "../selection.ts";
import type { Measured, NodeUsage, UsageSampler } from "./usage-sampler.ts";

const group = "metrics.k8s.io";
const version = "v1beta1";
const apiVersion = `${group}/${version}`;

const columns: readonly Column[] = [
  column("Name", ({ metadata }) => metadata.name),
  column("cpu", (object) => sumOf(object, "cpu")),
  column("memory", (object) => sumOf(object, "memory")),
  column("Window", ({ window }) => window),
];

/** What metrics-server serves elsewhere; whoever installs that one is served by it. */
export const metricsResources: readonly ResourceDefinition[] = [
  definitionOf("nodes", "NodeMetrics", false),
  definitionOf("pods", "PodMetrics", true),
];

function definitionOf(resource: string, kind: string, isNamespaced: boolean): ResourceDefinition {
  return {
    group,
    version,
    resource,
    kind,
    listKind: `${kind}List`,
    singular: "",
    isNamespaced,
    shortNames: [],
    categories: [],
    verbs: ["get", "list"],
    subresources: [],
    type: "",
    strategy: { columns },
  };
}

interface Metrics extends KubeObject {
  readonly window: string;
  readonly usage?: Readonly<Record<string, string>>;
  readonly containers?: readonly { readonly usage: Readonly<Record<string, string>> }[];
}

function column(name: string, cell: (object: Metrics) => string | undefined): Column {
  const format = name === "Name" ? "name" : "";
  return {
    name,
    type: "string",
    format,
    description: "",
    priority: 0,
    cell: (object) => cell(object as never) ?? null,
  };
}

function sumOf({ usage, containers = [] }: Metrics, name: string): string {
  const amounts = (usage === undefined ? containers.map((one) => one.usage) : [usage]).map(
    (one) => one[name] ?? "0",
  );
  const unit = name === "cpu" ? "n" : "Ki";
  return `${amounts.reduce((sum, amount) => sum + Number.parseInt(amount, 10), 0)}${unit}`;
}

/** Serves `metrics.k8s.io`: what nodes and pods use, as `kubectl top` and autoscalers read it. */
export class ResourceMetrics {
  readonly #cache: ObjectCache;
  readonly #sampler: UsageSampler;
  readonly #now: () => Date;
  readonly served = new ResourceTable(metricsResources);

  constructor(cache: ObjectCache, sampler: UsageSampler, now: () => Date) {
    this.#cache = cache;
    this.#sampler = sampler;
    this.#now = now;
  }

  /** @throws {StatusError} */
  async answer(scope: RequestScope): Promise<ApiAnswer> {
    const { info, request } = scope;
    if (info.type !== "resource") throw failure("NotFound", noSuchPath, {});
    const definition = this.served.find(info.group, info.version, info.resource);
    if (definition === undefined || info.subresource !== undefined) throw failure("NotFound", noSuchPath, {});
    if (info.verb !== "get" && info.verb !== "list")
      throw failure(
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
      );
    const options = parseListOptions(request.query, false);
    const { matches } = selectionOf(definition, options, info.name);
    const wanted = this.#wanted(info.resource, info.namespace, info.name).filter(
      (one) => matches?.(one) ?? true,
    );
    const objects = await this.#measure(wanted, request.signal);
    const representation = await chooseRepresentation(
      definition,
      request,
      info.verb === "get" ? "one" : "list",
      this.#now,
    );
    if (info.verb === "list") {
      const place = `${group}/${info.resource}`;
      const items = objects.map((object) => {
        const { name = "", namespace } = object.metadata;
        const key = { place, name, ...(namespace !== undefined && { namespace }) };
        return new CachedObject(key, storedBytes(object as unknown as Draft), 0);
      });
      return listAnswer(representation, { revision: this.#cache.position, items });
    }
    const [object] = objects;
    if (object === undefined) throw notFound({ group, resource: info.resource }, info.name ?? "");
    const { contentType } = representation;
    return {
      kind: "bytes",
      status: 200,
      headers: { "content-type": contentType },
      body: representation.object(object),
    };
  }

  #wanted(
    resource: string,
    namespace: string | undefined,
    name: string | undefined,
  ): readonly (Node | Pod)[] {
    if (name === undefined) return [...this.#cache.list<Node | Pod>(resource, namespace)];
    const found = this.#cache.find<Node | Pod>(resource, namespace, name);
    return found === undefined ? [] : [found];
  }

  /** Those that have been measured. */
  async #measure(objects: readonly (Node | Pod)[], signal: AbortSignal): Promise<readonly KubeObject[]> {
    const nodeOf = (object: Node | Pod) =>
      (object.kind === "Pod" ? (object as Pod).spec.nodeName : object.metadata.name) ?? "";
    const names = [...new Set(objects.map(nodeOf))].filter((name) => name !== "");
    const usages = new Map(
      await Promise.all(names.map(async (name) => [name, await this.#sampler.of(name, signal)] as const)),
    );
    return objects.flatMap((object) => {
      const usage = usages.get(nodeOf(object));
      const made =
        usage === undefined
          ? undefined
          : object.kind === "Pod"
            ? podMetrics(object, usage)
            : nodeMetrics(object, usage);
      return made === undefined ? [] : [made];
    });
  }
}

function nodeMetrics({ metadata }: KubeObject, usage: NodeUsage): KubeObject | undefined {
  if (usage.node === undefined) return undefined;
  return {
    kind: "NodeMetrics",
    ...common(metadata, usage),
    usage: amounts(usage.node),
  } as unknown as KubeObject;
}

function podMetrics({ metadata }: KubeObject, usage: NodeUsage): KubeObject | undefined {
  const measured = usage.pods.get(`${metadata.namespace}/${metadata.name}`);
  if (measured === undefined || measured.size === 0) return undefined;
  const containers = Array.from(measured, ([name, one]) => ({ name, usage: amounts(one) }));
  return { kind: "PodMetrics", ...common(metadata, usage), containers } as unknown as KubeObject;
}

function common({ name, namespace, labels }: KubeObject["metadata"], { timestamp, windowMs }: NodeUsage) {
  return {
    apiVersion,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      creationTimestamp: timeText(timestamp),
      ...(labels !== undefined && { labels }),
    },
    timestamp: timeText(timestamp),
    window: `${(windowMs / 1000).toFixed(3)}s`,
  };
}

function amounts({ nanoCores, bytes }: Measured): Readonly<Record<string, string>> {
  return { cpu: `${nanoCores}n`, memory: `${Math.floor(bytes / 1024)}Ki` };
}
