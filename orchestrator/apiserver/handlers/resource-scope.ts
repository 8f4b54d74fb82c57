import { failure } from "#api/kube/status.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import type { Draft, ResourceDefinition, SubresourceDefinition } from "#orchestrator/machinery/resource.ts";
import { managerOf } from "#orchestrator/machinery/apply/apply.ts";
import { managerErrors } from "#orchestrator/machinery/object-meta.ts";
import type { ApiAnswer } from "../api-request.ts";
import { isDryRun } from "../body.ts";
import { invalid, noSuchPath } from "../errors.ts";
import type { RequestScope } from "../pipeline.ts";
import type { RegistryDeps, Written } from "../registry/registry.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import { chooseRepresentation } from "../representation/choose.ts";

export type ResourceInfo = Extract<RequestScope["info"], { type: "resource" }>;

/** A request for a resource that is served. */
export interface ResourceScope extends RequestScope {
  readonly info: ResourceInfo;
  readonly definition: ResourceDefinition;
  readonly subresource?: SubresourceDefinition;
}

/** What the path names. @throws {StatusError} `NotFound`, `MethodNotAllowed` */
export function resourceScope(
  { resources }: RegistryDeps,
  scope: RequestScope & { readonly info: ResourceInfo },
): ResourceScope {
  const { group, version, resource, subresource, namespace, verb } = scope.info;
  const definition = resources.find(group, version, resource);
  if (definition === undefined) throw failure("NotFound", noSuchPath, {});
  const sub =
    subresource === undefined ? undefined : definition.subresources.find(({ name }) => name === subresource);
  if (subresource !== undefined && sub === undefined) throw failure("NotFound", noSuchPath, {});
  const { verbs } = sub ?? definition;
  // A method without a verb of ours may mean something to what is behind a proxy.
  const isPassed = scope.request.method === "OPTIONS" && sub?.name === "proxy";
  const isAllowed = isPassed || (verbs as readonly string[]).includes(verb);
  const isPlaced = !definition.isNamespaced || namespace !== undefined || verb === "list" || verb === "watch";
  const isCreateAt = verb === "create" && sub === undefined && scope.info.name !== undefined;
  const isSelf = resource === "namespaces" && group === "";
  if (!definition.isNamespaced && namespace !== undefined && !isSelf)
    throw failure("NotFound", noSuchPath, {});
  if (!isAllowed || !isPlaced || isCreateAt)
    throw failure("MethodNotAllowed", "the server does not allow this method on the requested resource", {});
  return { ...scope, definition, ...(sub !== undefined && { subresource: sub }) };
}

export function namespaceIn({ definition, info }: ResourceScope): { readonly namespace?: string } {
  return definition.isNamespaced && info.namespace !== undefined ? { namespace: info.namespace } : {};
}

const operations: Readonly<Record<string, string>> = {
  create: "Create",
  update: "Update",
  patch: "Patch",
  delete: "Delete",
  deletecollection: "Delete",
};

/** Who writes, and how. @throws {StatusError} `Invalid` for options that make no sense */
export function writeRequestOf(scope: ResourceScope, options?: Draft): WriteRequest {
  const { definition, info, user, request } = scope;
  const operation = operations[info.verb] ?? "Create";
  const asked = request.query.get("fieldManager") ?? "";
  const errors = asked === "" ? [] : managerErrors(asked, "fieldManager");
  if (errors.length > 0) throw invalid(`${operation}Options`, "meta.k8s.io", "", errors);
  const inBody = Array.isArray(options?.["dryRun"]) ? (options["dryRun"] as readonly string[]) : [];
  return {
    definition,
    subresource: info.subresource ?? "",
    ...namespaceIn(scope),
    user,
    isDryRun: isDryRun(request.query, operation, inBody),
    manager: managerOf(asked, request.headers["user-agent"]) || "unknown",
    warn: scope.warn,
    annotate: scope.annotate,
    ...(options !== undefined && { options }),
  };
}

/** An object, as the client wants it written. */
export async function objectAnswer(
  { now }: RegistryDeps,
  { definition, request }: ResourceScope,
  status: number,
  { object, stored }: Pick<Written, "object" | "stored">,
): Promise<ApiAnswer> {
  const representation = await chooseRepresentation(definition, request, "one", now);
  // What is kept in another form has been made to be kept, not to be shown.
  const isAsStored = stored !== undefined && definition.storedAs === undefined;
  return {
    kind: "bytes",
    status,
    headers: { "content-type": representation.contentType },
    body: isAsStored ? representation.cached(stored) : representation.object(object as unknown as KubeObject),
  };
}
