import { failure } from "#api/kube/status.ts";
import type { DeleteOptions, KubeObject } from "#api/kube/meta.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { ApiAnswer, ApiRequest } from "./api-request.ts";
import { jsonAnswer } from "./api-request.ts";
import { listPage, positionFor } from "./cache/list-page.ts";
import { watchStream } from "./cache/watch-stream.ts";
import { methodNotAllowed, noSuchPath, notFound } from "./errors.ts";
import { type ListOptions, parseListOptions, versionOf } from "./list-options.ts";
import type { RequestScope } from "./pipeline.ts";
import { randomWatchMs } from "./pipeline.ts";
import { createObject } from "./registry/create.ts";
import { deletedStatus, deleteObject } from "./registry/delete.ts";
import type { RegistryDeps } from "./registry/registry.ts";
import { apiVersionOf, placeOf } from "./registry/resource-table.ts";
import { updateObject } from "./registry/update.ts";
import type { WriteRequest } from "./registry/write-request.ts";
import { jsonRepresentation, type Representation } from "./representation.ts";
import { selectionOf } from "./selection.ts";

type ResourceInfo = Extract<RequestScope["info"], { type: "resource" }>;

export interface ResourceScope extends RequestScope {
  readonly info: ResourceInfo;
  readonly definition: ResourceDefinition;
  readonly representation: Representation;
}

const bodyMostBytes = 3 << 20;

/** Answers requests for the objects of a resource. */
export async function answerResource(
  deps: RegistryDeps,
  scope: RequestScope & { info: ResourceInfo },
): Promise<ApiAnswer> {
  const { info } = scope;
  const definition = deps.resources.find(info.group, info.version, info.resource);
  if (definition === undefined) throw failure("NotFound", noSuchPath, {});
  const representation = jsonRepresentation(definition, apiVersionOf(definition));
  const full = { ...scope, definition, representation };
  if (definition.isNamespaced && info.namespace === undefined && !["list", "watch"].includes(info.verb))
    throw methodNotAllowed(definition, info.verb);
  switch (info.verb) {
    case "get":
      return await answerGet(deps, full);
    case "list":
      return await answerList(deps, full);
    case "watch":
      return await answerWatch(deps, full);
    case "create":
      return await answerCreate(deps, full);
    case "update":
      return await answerUpdate(deps, full);
    case "delete":
      return await answerDelete(deps, full);
    case "deletecollection":
      return await answerDeleteCollection(deps, full);
    default:
      throw methodNotAllowed(definition, info.verb);
  }
}

function namespaceOf({ definition, info }: ResourceScope): { readonly namespace?: string } {
  return definition.isNamespaced && info.namespace !== undefined ? { namespace: info.namespace } : {};
}

async function answerGet(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, info, request, representation } = scope;
  const { resourceVersion } = parseListOptions(request.query, false);
  await positionFor(deps.cache, resourceVersion, request.signal);
  const name = info.name ?? "";
  const found = deps.cache.resource(placeOf(definition)).find(namespaceOf(scope).namespace, name);
  if (found === undefined) throw notFound(definition, name);
  return {
    kind: "bytes",
    status: 200,
    headers: { "content-type": representation.contentType },
    body: representation.cached(found),
  };
}

async function answerList(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request, representation } = scope;
  const options = parseListOptions(request.query, false);
  const version = versionOf(options);
  const page = await listPage(
    deps.cache,
    {
      place: placeOf(definition),
      ...namespaceOf(scope),
      ...selectionOf(definition, options, namedIn(scope)),
      limit: options.limit,
      ...(options.continue !== undefined && { continue: options.continue }),
      ...(version !== undefined && { version }),
    },
    request.signal,
  );
  return {
    kind: "stream",
    status: 200,
    headers: { "content-type": representation.contentType },
    body: joined(representation.list(page)),
  };
}

/** Of a watch of one object by its path. */
function namedIn({ info, request }: ResourceScope): string | undefined {
  return request.query.has("fieldSelector") ? undefined : info.name;
}

async function answerWatch(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request, representation } = scope;
  const options = parseListOptions(request.query, true);
  const { resourceVersion = 0 } = options;
  await positionFor(deps.cache, options.resourceVersion, request.signal);
  const body = watchStream(
    deps.cache,
    {
      place: placeOf(definition),
      ...namespaceOf(scope),
      ...selectionOf(definition, options, namedIn(scope)),
      ...(resourceVersion > 0 && options.sendsInitialEvents !== true && { after: resourceVersion }),
      ...startOf(options),
      bookmarks: options.allowsBookmarks,
      timeoutMs:
        options.timeoutMs !== undefined && options.timeoutMs > 0 ? options.timeoutMs : randomWatchMs(),
    },
    representation.watch,
    request.signal,
  );
  return {
    kind: "stream",
    status: 200,
    headers: { "content-type": representation.watchContentType },
    body,
  };
}

function startOf({ sendsInitialEvents, allowsBookmarks }: ListOptions): {
  readonly marksInitialEnd: boolean;
} {
  return { marksInitialEnd: sendsInitialEvents === true && allowsBookmarks };
}

async function answerCreate(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { request, representation } = scope;
  const object = await readObject(scope);
  const { object: made } = await createObject(deps, writeOf(scope), object, request.signal);
  return objectAnswer(representation, 201, made);
}

async function answerUpdate(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request, representation, info } = scope;
  const object = await readObject(scope);
  const text = JSON.stringify(object);
  const { object: made, isNew } = await updateObject(
    deps,
    writeOf(scope),
    {
      name: info.name ?? "",
      make: () => JSON.parse(text) as Draft,
      mayCreate: definition.strategy.canCreateOnUpdate === true,
      isRepeatable: true,
    },
    request.signal,
  );
  return objectAnswer(representation, isNew ? 201 : 200, made);
}

async function answerDelete(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request, representation, info } = scope;
  const options = await readDeleteOptions(request);
  const name = info.name ?? "";
  const { is, object } = await deleteObject(deps, writeOf(scope, options), name, options, request.signal);
  const { uid } = object["metadata"] as { readonly uid?: string };
  if (is === "lingering" || returnsDeleted.has(placeOf(definition)))
    return objectAnswer(representation, 200, object);
  return jsonAnswer(200, deletedStatus(definition, name, uid));
}

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

async function answerDeleteCollection(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request, representation } = scope;
  const options = await readDeleteOptions(request);
  const list = parseListOptions(request.query, false);
  const page = await listPage(
    deps.cache,
    { place: placeOf(definition), ...namespaceOf(scope), ...selectionOf(definition, list, undefined) },
    request.signal,
  );
  for (const { key } of page.items) {
    const write = {
      ...writeOf(scope, options),
      ...(key.namespace !== undefined && { namespace: key.namespace }),
    };
    await deleteObject(deps, write, key.name, options, request.signal);
  }
  return {
    kind: "stream",
    status: 200,
    headers: { "content-type": representation.contentType },
    body: joined(representation.list(page)),
  };
}

async function readObject({ request, definition }: ResourceScope): Promise<Draft> {
  const bytes = await request.read(bodyMostBytes);
  const object = parseJson(bytes);
  object["kind"] ??= definition.kind;
  object["apiVersion"] ??= apiVersionOf(definition);
  definition.strategy.default?.(object);
  return object;
}

async function readDeleteOptions(request: ApiRequest): Promise<DeleteOptions> {
  const bytes = await request.read(bodyMostBytes);
  const { query } = request;
  if (bytes.length > 0) return parseJson(bytes) as DeleteOptions;
  const grace = query.get("gracePeriodSeconds");
  const policy = query.get("propagationPolicy");
  const orphan = query.get("orphanDependents");
  return {
    ...(grace !== null && { gracePeriodSeconds: Number(grace) }),
    ...(policy !== null && { propagationPolicy: policy as "Orphan" }),
    ...(orphan !== null && { orphanDependents: orphan === "true" }),
  };
}

function parseJson(bytes: Uint8Array): Draft {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Draft;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw failure("BadRequest", "the object provided is unrecognized (must be of type JSON object)");
}

function writeOf(scope: ResourceScope, options?: DeleteOptions): WriteRequest {
  const { definition, info, user, request } = scope;
  return {
    definition,
    subresource: info.subresource ?? "",
    ...namespaceOf(scope),
    user,
    isDryRun: request.query.getAll("dryRun").includes("All"),
    manager: request.query.get("fieldManager") ?? managerOf(request.headers["user-agent"]),
    warn: scope.warn,
    annotate: scope.annotate,
    ...(options !== undefined && { options: options as Draft }),
  };
}

/** Who names no manager is known by their program's name. */
function managerOf(userAgent = ""): string {
  return userAgent.split("/")[0] || "unknown";
}

function objectAnswer(representation: Representation, status: number, object: Draft): ApiAnswer {
  return {
    kind: "bytes",
    status,
    headers: { "content-type": representation.contentType },
    body: representation.object(object as unknown as KubeObject),
  };
}

/** Small pieces joined to larger ones. */
async function* joined(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    held.push(piece);
    bytes += piece.length;
    if (bytes < 64 << 10) continue;
    yield Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}
