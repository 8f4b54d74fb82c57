import type { DeleteOptions } from "#api/kube/meta.ts";
import { failure, isStatus } from "#api/kube/status.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { type ApiAnswer, type ApiRequest, jsonAnswer } from "../api-request.ts";
import { bodyMostBytes, expectedType, readBody } from "../body.ts";
import { listPage } from "../cache/list-page.ts";
import { parseListOptions } from "../list-options.ts";
import { prepareToServe } from "../registry/conversion.ts";
import { deletedStatus, deleteObject } from "../registry/delete.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { placeOf } from "../registry/resource-table.ts";
import { chooseRepresentation } from "../representation/choose.ts";
import { selectionOf } from "../selection.ts";
import { listAnswer } from "./list-answer.ts";
import { namespaceIn, objectAnswer, type ResourceScope, writeRequestOf } from "./resource-scope.ts";

/** Whoever deletes one of these gets it back. */
const returnsDeleted = new Set([
  "core/persistentvolumes",
  "core/persistentvolumeclaims",
  "core/pods",
  "core/podtemplates",
  "core/resourcequotas",
  "core/serviceaccounts",
  "core/services",
]);
/** So many of a collection are deleted at a time. */
const atOnce = 32;

export async function answerDelete(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request, info, warn } = scope;
  const options = await readDeleteOptions(request);
  const name = info.name ?? "";
  if (
    placeOf(definition) === "batch/jobs" &&
    options.propagationPolicy === undefined &&
    options.orphanDependents === undefined
  )
    warn(
      "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
    );
  const write = writeRequestOf(scope, options as Draft);
  const { is, object } = await deleteObject(deps, write, name, options, request.signal);
  if (is === "lingering" || returnsDeleted.has(placeOf(definition))) {
    const status = is === "lingering" && options.orphanDependents === false ? 202 : 200;
    return await objectAnswer(deps, scope, status, { object });
  }
  const { uid } = object["metadata"] as { readonly uid?: string };
  return jsonAnswer(200, deletedStatus(definition, name, uid));
}

export async function answerDeleteCollection(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request } = scope;
  const options = await readDeleteOptions(request);
  const list = parseListOptions(request.query, false);
  const page = await listPage(
    deps.cache,
    {
      place: placeOf(definition),
      ...selectionOf(definition, list, undefined),
      ...namespaceIn(scope),
      ...(list.limit > 0 && { limit: list.limit }),
      ...(list.continue !== undefined && { continue: list.continue }),
      prepare: (all) => prepareToServe(definition, all, request.signal),
    },
    request.signal,
  );
  await prepareToServe(definition, page.items, request.signal);
  const write = writeRequestOf(scope, options as Draft);
  for (let at = 0; at < page.items.length; at += atOnce)
    await Promise.all(
      page.items.slice(at, at + atOnce).map(async ({ key: { name, namespace } }) => {
        const one = { ...write, ...(namespace !== undefined && { namespace }) };
        await deleteObject(deps, one, name, options, request.signal).catch((error: unknown) => {
          // Somebody else has done it.
          if (!isStatus(error, "NotFound")) throw error;
        });
      }),
    );
  const representation = await chooseRepresentation(definition, request, "list", deps.now);
  return listAnswer(representation, page);
}

const optionsType = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** From the body, or from the query when there is none. */
async function readDeleteOptions(request: ApiRequest): Promise<DeleteOptions> {
  const bytes = await request.read(bodyMostBytes);
  if (bytes.length > 0) {
    const expected = { ...expectedType("", "v1", "DeleteOptions", optionsType), isOfAnyVersion: true };
    const again = { ...request, read: async () => bytes };
    const { object } = await readBody(again, expected);
    return object as DeleteOptions;
  }
  const { query } = request;
  const grace = query.get("gracePeriodSeconds");
  const policy = query.get("propagationPolicy");
  const orphan = query.get("orphanDependents");
  if (grace !== null && !/^-?\d{1,15}$/.test(grace))
    throw failure("BadRequest", `strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
  return {
    ...(grace !== null && { gracePeriodSeconds: Number(grace) }),
    ...(policy !== null && { propagationPolicy: policy as "Orphan" }),
    ...(orphan !== null && { orphanDependents: orphan === "true" || orphan === "1" }),
  };
}
