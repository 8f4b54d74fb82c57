import { createHash } from "node:crypto";
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  servedGroups,
} from "#orchestrator/kinds/discovery.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { type ApiAnswer, type ApiRequest, jsonAnswer } from "../api-request.ts";
import { parseAccept } from "../negotiation.ts";
import type { ResourceTable } from "../registry/resource-table.ts";

const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const encoder = new TextEncoder();

interface Aggregated {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/** Answers the paths at which clients find out what is served. */
export class DiscoveryHandler {
  readonly #tables: readonly ResourceTable[];
  readonly #address: () => string;
  readonly #aggregated = new Map<string, Aggregated>();
  #generation = "";

  /**
   * @param tables what is served, here and by others; what is in several is as the first one has it
   * @param address of the API, e.g. `192.0.2.1:6443`
   */
  constructor(tables: readonly ResourceTable[], address: () => string) {
    this.#tables = tables;
    this.#address = address;
  }

  /** Undefined for paths that are about something else. */
  answer(request: ApiRequest): ApiAnswer | undefined {
    const [root, first, second, ...more] = request.path.split("/").filter((segment) => segment !== "");
    if (root !== "api" && root !== "apis") return undefined;
    if (first === undefined) return this.#root(request, `/${root}`);
    const all = this.#all();
    if (root === "api") {
      const own = all.filter(({ group, version }) => group === "" && version === first);
      return second !== undefined || own.length === 0
        ? undefined
        : jsonAnswer(200, apiResourceList("", first, own));
    }
    if (more.length > 0) return undefined;
    if (second === undefined) {
      const group = servedGroups(all).find(({ name }) => name === first);
      return group && jsonAnswer(200, apiGroup(group));
    }
    const own = all.filter(({ group, version }) => group === first && version === second);
    return own.length === 0 ? undefined : jsonAnswer(200, apiResourceList(first, second, own));
  }

  #all(): readonly ResourceDefinition[] {
    const all = new Map<string, ResourceDefinition>();
    for (const table of this.#tables)
      for (const one of table.all()) {
        const key = `${one.group}/${one.version}/${one.resource}`;
        if (!all.has(key)) all.set(key, one);
      }
    return [...all.values()];
  }

  #root(request: ApiRequest, path: "/api" | "/apis"): ApiAnswer {
    const vary = { vary: "Accept" };
    if (!wantsAggregated(request.headers["accept"])) {
      const document =
        path === "/api" ? apiVersions(this.#address()) : apiGroupList(servedGroups(this.#all()));
      return jsonAnswer(200, document, vary);
    }
    const { bytes, etag } = this.#everything(path);
    const headers = { ...vary, etag, "content-type": aggregatedType };
    if (request.headers["if-none-match"] === etag)
      return { kind: "bytes", status: 304, headers, body: new Uint8Array() };
    return { kind: "bytes", status: 200, headers, body: bytes };
  }

  #everything(path: "/api" | "/apis"): Aggregated {
    const generation = this.#tables.map((table) => table.generation).join();
    if (this.#generation !== generation) {
      this.#generation = generation;
      this.#aggregated.clear();
    }
    const known = this.#aggregated.get(path);
    if (known !== undefined) return known;
    const document = aggregatedDiscovery(path, "v2", this.#all());
    const bytes = encoder.encode(JSON.stringify(document));
    const etag = `"${createHash("sha512").update(bytes).digest("hex").toUpperCase()}"`;
    const made = { bytes, etag };
    this.#aggregated.set(path, made);
    return made;
  }
}

/** Whether the first thing a client takes, of those there are, is everything at once. */
function wantsAggregated(accept = ""): boolean {
  for (const { type, parameters } of parseAccept(accept)) {
    const { as: kind, g: group, v: version, profile } = parameters;
    if (type !== "application/json" && type !== "application/*" && type !== "*/*") continue;
    if (kind === undefined) return false;
    const isKnown = kind === "APIGroupDiscoveryList" && group === "apidiscovery.k8s.io" && version === "v2";
    if (isKnown && profile === undefined) return true;
  }
  return false;
}
