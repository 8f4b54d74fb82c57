import { hasSchema, schemaOf } from "#orchestrator/kinds/schemas.ts";
import {
  applyFields,
  type FieldWrite as OwnedWrite,
  ignoredFields,
  updateManagedFields,
} from "#orchestrator/machinery/apply/apply.ts";
import { builtInTypes, emptyObject } from "#orchestrator/machinery/apply/built-in.ts";
import type { FieldTypes } from "#orchestrator/machinery/apply/ownership.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { type Atom, atomOfType, deduced } from "#orchestrator/machinery/apply/atom.ts";
import { servedForm, storedForm } from "./conversion.ts";
import type { FieldOwners, FieldWrite } from "./field-owners.ts";
import { metadataOf } from "./write-request.ts";
import { apiVersionOf, placeOf, type ResourceTable } from "./resource-table.ts";

interface Known {
  readonly types: FieldTypes;
  readonly empty: Draft;
  readonly hasStatus: boolean;
}

/** {@link FieldOwners} by the schemas of what is served. */
export class ManagedFields implements FieldOwners {
  readonly #resources: ResourceTable;
  readonly #known = new WeakMap<ResourceDefinition, Known>();

  constructor(resources: ResourceTable) {
    this.#resources = resources;
  }

  update(write: FieldWrite, old: Draft | undefined, next: Draft): void {
    try {
      updateManagedFields(this.#ownedWrite(write), old, next);
    } catch {
      // An object that its schema cannot make sense of is validation's business; who owns its fields stays as it was.
      const metadata = metadataOf(next);
      const before = old && metadataOf(old).managedFields;
      if (before === undefined) delete metadata.managedFields;
      else metadata.managedFields = before;
    }
  }

  apply(write: FieldWrite & { readonly force: boolean }, old: Draft | undefined, applied: Draft): Draft {
    return applyFields({ ...this.#ownedWrite(write), force: write.force }, old, applied);
  }

  #ownedWrite({ definition, subresource, manager, now }: FieldWrite): OwnedWrite {
    const { types, empty, hasStatus } = this.#of(definition);
    return {
      types,
      apiVersion: apiVersionOf(definition),
      kind: definition.kind,
      subresource,
      manager,
      ignored: ignoredFields(subresource, hasStatus),
      empty,
      now,
    };
  }

  #of(definition: ResourceDefinition): Known {
    const known = this.#known.get(definition);
    if (known !== undefined) return known;
    const isBuiltIn = hasSchema(definition.type);
    const made: Known = {
      types: definition.strategy.fieldTypes ?? this.#typesOf(definition),
      empty: isBuiltIn ? emptyObject(schemaOf(definition.type)) : {},
      hasStatus: definition.subresources.some(({ name }) => name === "status"),
    };
    this.#known.set(definition, made);
    return made;
  }

  /** All versions of the kind. */
  #typesOf(definition: ResourceDefinition): FieldTypes {
    const place = placeOf(definition);
    const versions = new Map(
      Array.from(this.#resources.all())
        .filter((one) => placeOf(one) === place && one.group === definition.group && hasSchema(one.type))
        .map((one) => [apiVersionOf(one), one]),
    );
    const types = builtInTypes(new Map(Array.from(versions, ([name, { type }]) => [name, schemaOf(type)])));
    if (versions.size < 2) return types;
    return {
      ...types,
      convert(object, apiVersion) {
        const from = versions.get(String(object["apiVersion"]));
        const to = versions.get(apiVersion);
        return from === undefined || to === undefined ? object : servedForm(to, storedForm(from, object));
      },
    };
  }
}

/** How objects of a resource are merged by what is applied. */
export function mergedAtom(definition: ResourceDefinition): Atom {
  const { strategy, type } = definition;
  if (strategy.fieldTypes !== undefined)
    return strategy.fieldTypes.findAtom(apiVersionOf(definition)) ?? deduced;
  return hasSchema(type) ? atomOfType(schemaOf(type)) : deduced;
}
