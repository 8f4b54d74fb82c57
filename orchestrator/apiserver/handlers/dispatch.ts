import { failure } from "#api/kube/status.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { ApiAnswer } from "../api-request.ts";
import { expectedKind, expectedType, readBody } from "../body.ts";
import type { RequestScope } from "../pipeline.ts";
import { type RegistryDeps } from "../registry/registry.ts";
import { apiVersionOf, placeOf } from "../registry/resource-table.ts";
import { representType } from "../representation/choose.ts";
import { answerBinding } from "./binding-handler.ts";
import { answerDelete, answerDeleteCollection } from "./delete-handler.ts";
import { answerEviction } from "./eviction-handler.ts";
import { answerGet, answerList, answerWatch } from "./read-handler.ts";
import { admissionOf } from "../registry/admission-of.ts";
import { type ResourceInfo, resourceScope, type ResourceScope, writeRequestOf } from "./resource-scope.ts";
import { answerScale } from "./scale-handler.ts";
import { answerCreate, answerPatch, answerUpdate } from "./write-handler.ts";

/** What a created object of a virtual kind is answered with, e.g. a review; nothing is kept. */
export type VirtualResource = (object: Draft, scope: ResourceScope) => Promise<Draft>;

export interface DispatchDeps {
  readonly registry: RegistryDeps;
  /** By place, e.g. `authorization.k8s.io/subjectaccessreviews` or `core/serviceaccounts/token`. */
  readonly virtual: ReadonlyMap<string, VirtualResource>;
  /** What reaches through to nodes: exec, attach, portforward, log, proxy. */
  connect(scope: ResourceScope): Promise<ApiAnswer>;
}

const connecting = new Set([
  "core/pods/exec",
  "core/pods/attach",
  "core/pods/portforward",
  "core/pods/log",
  "core/pods/proxy",
  "core/nodes/proxy",
  "core/services/proxy",
]);

/** Answers requests about resources. */
export async function answerResource(
  deps: DispatchDeps,
  asked: RequestScope & { readonly info: ResourceInfo },
): Promise<ApiAnswer> {
  const { registry, virtual } = deps;
  const scope = resourceScope(registry, asked);
  const { info, definition, subresource } = scope;
  const place = [placeOf(definition), ...(subresource === undefined ? [] : [subresource.name])].join("/");
  const unkept = virtual.get(place);
  if (unkept !== undefined) return await answerVirtual(scope, unkept);
  if (connecting.has(place)) {
    await admitConnection(registry, scope);
    return await deps.connect(scope);
  }
  if (place === "core/bindings" || place === "core/pods/binding") return await answerBinding(registry, scope);
  if (place === "core/pods/eviction") return await answerEviction(registry, scope);
  if (subresource?.name === "scale") return await answerScale(registry, scope);
  switch (info.verb) {
    case "get":
      return await answerGet(registry, scope);
    case "list":
      return await answerList(registry, scope);
    case "watch":
      return await answerWatch(registry, scope);
    case "create":
      return await answerCreate(registry, scope);
    case "update":
      return await answerUpdate(registry, scope);
    case "patch":
      return await answerPatch(registry, scope);
    case "delete":
      return await answerDelete(registry, scope);
    case "deletecollection":
      return await answerDeleteCollection(registry, scope);
    default:
      throw failure(
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
      );
  }
}

/** Reading a log is no connection. */
async function admitConnection({ admission }: RegistryDeps, scope: ResourceScope): Promise<void> {
  if (scope.subresource?.name === "log") return;
  const request = admissionOf(writeRequestOf(scope), "CONNECT", scope.info.name ?? "", {});
  await admission.admit(request, scope.request.signal);
  (await admission.validate(request, scope.request.signal))(false);
}

async function answerVirtual(scope: ResourceScope, answer: VirtualResource): Promise<ApiAnswer> {
  const { definition, subresource, request } = scope;
  const named =
    subresource === undefined
      ? { group: definition.group, version: definition.version, kind: definition.kind, type: definition.type }
      : subresourceType(scope);
  // Whoever wants a table of it is told before it is made.
  const expected =
    subresource === undefined
      ? expectedKind(definition)
      : expectedType(named.group, named.version, named.kind, named.type);
  const { object } = await readBody(request, expected);
  const made = { ...(await answer(object, scope)), kind: named.kind, apiVersion: apiVersionOf(named) };
  const { contentType, body } = await representType(named, request, made);
  return { kind: "bytes", status: 201, headers: { "content-type": contentType }, body };
}

function subresourceType({ definition, subresource }: ResourceScope) {
  const { group = definition.group, version = definition.version, kind = "" } = subresource ?? {};
  const part = group === "" ? "core" : group.split(".")[0];
  return { group, version, kind, type: `io.k8s.api.${part}.${version}.${kind}` };
}
