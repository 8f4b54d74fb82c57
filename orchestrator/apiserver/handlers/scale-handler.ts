import type { LabelSelector } from "#api/kube/meta.ts";
import { failure } from "#api/kube/status.ts";
import { decodeParsed } from "#orchestrator/machinery/body.ts";
import { invalid as wrong } from "#orchestrator/machinery/field-error.ts";
import { formatLabelSelector, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { ApiAnswer } from "../api-request.ts";
import { bodyMostBytes, expectedType, readBody } from "../body.ts";
import { invalid, notFound } from "../errors.ts";
import { patched, patchKindOf } from "../patch.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { placeOf } from "../registry/resource-table.ts";
import { updateObject } from "../registry/update.ts";
import { type Metadata, metadataOf } from "../registry/write-request.ts";
import { representType } from "../representation/choose.ts";
import { namespaceIn, type ResourceScope, writeRequestOf } from "./resource-scope.ts";

const scaleType = "io.k8s.api.autoscaling.v1.Scale";

/** `scale` of a resource: how many replicas there are to be. @see Kubernetes API 1.36, autoscaling/v1 Scale */
export async function answerScale(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { info, request, definition } = scope;
  const name = info.name ?? "";
  if (info.verb === "get") {
    await deps.cache.fresh(request.signal);
    const found = deps.cache.resource(placeOf(definition)).find(namespaceIn(scope).namespace, name);
    if (found === undefined) throw notFound(definition, name);
    return await scaleAnswer(scope, found.object as unknown as Draft);
  }
  const change = info.verb === "update" ? await putScale(scope) : await patchScale(scope);
  const { object } = await updateObject(
    deps,
    writeRequestOf(scope),
    {
      name,
      make(old = {}) {
        const scale = change(scaleOf(scope, old));
        return withReplicas(scope, old, scale);
      },
      prepare: (next, old) => definition.strategy.prepareForUpdate?.(next, old),
      validate: (next, old) => definition.strategy.validateUpdate?.(next, old) ?? [],
      mayCreate: false,
      isRepeatable: true,
    },
    request.signal,
  );
  return await scaleAnswer(scope, object);
}

async function scaleAnswer(scope: ResourceScope, object: Draft): Promise<ApiAnswer> {
  const { contentType, body } = await representType(
    { group: "autoscaling", version: "v1", kind: "Scale", type: scaleType },
    scope.request,
    scaleOf(scope, object),
  );
  return { kind: "bytes", status: 200, headers: { "content-type": contentType }, body };
}

const expected = () => expectedType("autoscaling", "v1", "Scale", scaleType);

async function putScale({ request }: ResourceScope): Promise<(scale: Draft) => Draft> {
  const { object } = await readBody(request, expected());
  return () => object;
}

async function patchScale({ request }: ResourceScope): Promise<(scale: Draft) => Draft> {
  const kind = patchKindOf(request.headers["content-type"], false);
  const bytes = await request.read(bodyMostBytes);
  let patch: unknown;
  try {
    patch = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw failure("BadRequest", "error decoding patch: it is no JSON");
  }
  // A scale has no lists: merging it strategically is merging it.
  return (scale) =>
    decodeParsed(
      { value: patched(kind === "json" ? "json" : "merge", scale, patch), duplicates: [] },
      bytes,
      expected(),
    ).object;
}

function scaleOf({ definition }: ResourceScope, object: Draft): Draft {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadataOf(object);
  const own = definition.strategy.scale;
  const spec = (object["spec"] ?? {}) as { readonly replicas?: number; readonly selector?: unknown };
  const status = (object["status"] ?? {}) as { readonly replicas?: number };
  const selector =
    own === undefined ? selectorText(placeOf(definition), spec.selector) : own.selector(object);
  const wanted = own === undefined ? spec.replicas : own.replicas(object);
  const metadata: Metadata = {};
  for (const [field, value] of Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }))
    if (value !== undefined) Object.assign(metadata, { [field]: value });
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata,
    spec: wanted === undefined || wanted === 0 ? {} : { replicas: wanted },
    status: {
      replicas: (own === undefined ? status.replicas : own.statusReplicas(object)) ?? 0,
      ...(selector !== undefined && selector !== "" && { selector }),
    },
  };
}

function selectorText(place: string, selector: unknown): string {
  const asked =
    place === "core/replicationcontrollers"
      ? { matchLabels: selector as Readonly<Record<string, string>> }
      : (selector as LabelSelector | undefined);
  return formatLabelSelector(requirementsOf(asked) ?? []);
}

function withReplicas({ definition }: ResourceScope, old: Draft, scale: Draft): Draft {
  const { replicas = 0 } = (scale["spec"] ?? {}) as { readonly replicas?: number };
  if (replicas < 0)
    throw invalid("Scale", "autoscaling", metadataOf(old).name ?? "", [
      wrong("spec.replicas", replicas, "must be greater than or equal to 0"),
    ]);
  const { resourceVersion, uid } = metadataOf(scale);
  const next = structuredClone(old);
  const own = definition.strategy.scale;
  if (own === undefined) next["spec"] = { ...(next["spec"] as Draft | undefined), replicas };
  else own.setReplicas(next, replicas);
  metadataOf(next).resourceVersion = resourceVersion ?? "";
  if (uid !== undefined) metadataOf(next).uid = uid;
  return next;
}
