import type { Published } from "#orchestrator/kinds/openapi/source.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";

/** What OpenAPI says of custom resources, by the part of the API they are in, e.g. `apis/example.com/v1`. */
export type PublishedPart = readonly [part: string, published: Published];

/** What is served at the moment: the built-in resources, and custom ones that come and go. */
export class ResourceTable {
  readonly #definitions = new Map<string, ResourceDefinition>();
  readonly #published = new Map<string, readonly PublishedPart[]>();
  #generation = 0;

  constructor(definitions: readonly ResourceDefinition[]) {
    for (const definition of definitions) this.#definitions.set(keyOf(definition), definition);
  }

  /** Counts changes: what was made from the table is out of date when it differs. */
  get generation(): number {
    return this.#generation;
  }

  find(group: string, version: string, resource: string): ResourceDefinition | undefined {
    return this.#definitions.get(`${group}/${version}/${resource}`);
  }

  findKind(group: string, version: string, kind: string): ResourceDefinition | undefined {
    return this.#definitions
      .values()
      .find((one) => one.kind === kind && one.group === group && one.version === version);
  }

  hasVersion(group: string, version: string): boolean {
    return this.#definitions.values().some((one) => one.group === group && one.version === version);
  }

  /** What custom resources add to the API's description. */
  published(): readonly PublishedPart[] {
    return [...this.#published.values()].flat();
  }

  /** @param owner whose earlier parts these replace */
  publish(owner: string, parts: readonly PublishedPart[]): void {
    if (parts.length === 0) this.#published.delete(owner);
    else this.#published.set(owner, parts);
    this.#generation++;
  }

  all(): Iterable<ResourceDefinition> {
    return this.#definitions.values();
  }

  /** Takes some away and adds others, at once. */
  change(change: {
    readonly remove?: readonly ResourceDefinition[];
    readonly add?: readonly ResourceDefinition[];
  }): void {
    for (const definition of change.remove ?? []) this.#definitions.delete(keyOf(definition));
    for (const definition of change.add ?? []) this.#definitions.set(keyOf(definition), definition);
    this.#generation++;
  }
}

function keyOf({ group, version, resource }: ResourceDefinition): string {
  return `${group}/${version}/${resource}`;
}

/** What the resource's objects say they are: `v1`, `apps/v1`. */
export function apiVersionOf({
  group,
  version,
}: {
  readonly group: string;
  readonly version: string;
}): string {
  return group === "" ? version : `${group}/${version}`;
}

/** Where its objects are below `/registry/`: all versions of a resource share a place. */
export function placeOf(definition: Pick<ResourceDefinition, "group" | "resource" | "storedAs">): string {
  const { group, resource } = definition.storedAs ?? definition;
  return `${group === "" ? "core" : group}/${resource}`;
}
