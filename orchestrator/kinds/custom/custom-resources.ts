import type {
  Draft,
  ResourceDefinition,
  StoredAs,
  SubresourceDefinition,
  Verb,
} from "#orchestrator/machinery/resource.ts";
import { customTypes } from "./custom-atom.ts";
import { customStrategy, type RuleChecker } from "./custom-strategy.ts";
import { type CustomDefinition, type CustomVersion, type JsonSchema, schemasIn } from "./definition.ts";
import { prune } from "./prune.ts";
import { setDefaults } from "./set-defaults.ts";
import { type ConverterDeps, versionConverter } from "./webhook-conversion.ts";

const verbs: readonly Verb[] = [
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "create",
  "update",
  "watch",
];

/** What a definition makes the API serve: its kind in each served version. */
export function customResources(
  definition: CustomDefinition,
  rules?: RuleChecker,
  converter?: ConverterDeps,
): readonly ResourceDefinition[] {
  const { spec, status } = definition;
  const { group, scope } = spec;
  const names = status?.acceptedNames ?? spec.names;
  const types = customTypes(definition);
  return spec.versions
    .filter(({ served }) => served)
    .map((version) => ({
      group,
      version: version.name,
      resource: names.plural,
      kind: names.kind,
      listKind: names.listKind ?? `${names.kind}List`,
      singular: names.singular ?? names.kind.toLowerCase(),
      isNamespaced: scope === "Namespaced",
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      verbs,
      subresources: subresourcesOf(version, names.kind),
      type: typeName(definition, version.name),
      strategy: customStrategy(definition, version, types, rules),
      ...storage(definition, version, converter),
    }));
}

/** What the type of a version is called in OpenAPI: `com.example.stable.v1.CronTab`. */
export function typeName({ spec }: CustomDefinition, version: string): string {
  return [...spec.group.split(".").reverse(), version, spec.names.kind].join(".");
}

function subresourcesOf({ subresources }: CustomVersion, kind: string): readonly SubresourceDefinition[] {
  const writes: readonly Verb[] = ["get", "patch", "update"];
  return [
    ...(subresources?.status === undefined ? [] : [{ name: "status", kind, verbs: writes }]),
    ...(subresources?.scale === undefined
      ? []
      : [{ name: "scale", kind: "Scale", group: "autoscaling", version: "v1", verbs: writes }]),
  ];
}

/** Objects are kept in one version; what is read gets the defaults that have come since. */
function storage(
  definition: CustomDefinition,
  version: CustomVersion,
  deps: ConverterDeps | undefined,
): { readonly storedAs?: StoredAs } {
  const { spec } = definition;
  const stored = spec.versions.find(({ storage: isStored }) => isStored) ?? version;
  const schema = version.schema?.openAPIV3Schema ?? {};
  if (spec.versions.length === 1 && !hasDefaults(schema) && (definition.metadata.generation ?? 1) === 1)
    return {};
  const place = { group: spec.group, resource: spec.names.plural };
  const apiVersion = `${spec.group}/${version.name}`;
  if (spec.conversion?.strategy === "Webhook" && deps !== undefined) {
    const names = { served: version.name, stored: stored.name };
    const conversion = versionConverter(deps, definition, names);
    const decode = (object: Draft) => decoded(conversion.decode(object), schema, apiVersion);
    return { storedAs: { ...place, decode, encode: (object) => object, conversion } };
  }
  return {
    storedAs: {
      ...place,
      decode: (object) => decoded(object, schema, apiVersion),
      encode: (object) => ({ ...object, apiVersion: `${spec.group}/${stored.name}` }),
    },
  };
}

function decoded(object: Draft, schema: JsonSchema, apiVersion: string): Draft {
  const served = { ...structuredClone(object), apiVersion };
  prune(schema, served);
  setDefaults(schema, served);
  return served;
}

function hasDefaults(schema: JsonSchema): boolean {
  for (const each of schemasIn(schema)) if (each.default !== undefined) return true;
  return false;
}
