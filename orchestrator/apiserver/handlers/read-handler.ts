import type { ApiAnswer } from "../api-request.ts";
import { wantsWebSocket, webSocketWatch } from "../http/web-socket-stream.ts";
import { listPage, positionFor } from "../cache/list-page.ts";
import { watchStream } from "../cache/watch-stream.ts";
import { notFound } from "../errors.ts";
import { parseListOptions, versionOf } from "../list-options.ts";
import { randomWatchMs } from "../pipeline.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { prepareToServe } from "../registry/conversion.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { placeOf } from "../registry/resource-table.ts";
import { chooseRepresentation } from "../representation/choose.ts";
import { selectionOf } from "../selection.ts";
import { listAnswer } from "./list-answer.ts";
import { namespaceIn, type ResourceScope } from "./resource-scope.ts";

export async function answerGet(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, info, request } = scope;
  const representation = await chooseRepresentation(definition, request, "one", deps.now);
  const { resourceVersion } = parseListOptions(request.query, false);
  await positionFor(deps.cache, resourceVersion, request.signal);
  const name = info.name ?? "";
  const found = deps.cache.resource(placeOf(definition)).find(namespaceIn(scope).namespace, name);
  if (found === undefined) throw notFound(definition, name);
  await prepareToServe(definition, [found], request.signal);
  return {
    kind: "bytes",
    status: 200,
    headers: { "content-type": representation.contentType },
    body: representation.cached(found),
  };
}

export async function answerList(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request } = scope;
  const representation = await chooseRepresentation(definition, request, "list", deps.now);
  const options = parseListOptions(request.query, false);
  const version = versionOf(options);
  const page = await listPage(
    deps.cache,
    {
      place: placeOf(definition),
      ...selectionOf(definition, options, namedIn(scope)),
      ...namespaceIn(scope),
      limit: options.limit,
      ...(options.continue !== undefined && { continue: options.continue }),
      ...(version !== undefined && { version }),
      prepare: (all) => prepareToServe(definition, all, request.signal),
    },
    request.signal,
  );
  await prepareToServe(definition, page.items, request.signal);
  return listAnswer(representation, page);
}

export async function answerWatch(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, request } = scope;
  const representation = await chooseRepresentation(definition, request, "list", deps.now);
  const { watchContentType } = representation;
  const options = parseListOptions(request.query, true);
  const { resourceVersion = 0, sendsInitialEvents, allowsBookmarks, timeoutMs = 0 } = options;
  const selection = selectionOf(definition, options, namedIn(scope));
  await positionFor(deps.cache, options.resourceVersion, request.signal);
  const startsNow = sendsInitialEvents === false && resourceVersion === 0;
  const after = startsNow ? deps.cache.position : resourceVersion;
  const body = watchStream(
    deps.cache,
    {
      place: placeOf(definition),
      ...selection,
      ...namespaceIn(scope),
      ...((startsNow || (resourceVersion > 0 && sendsInitialEvents !== true)) && { after }),
      marksInitialEnd: sendsInitialEvents === true && allowsBookmarks,
      bookmarks: allowsBookmarks,
      timeoutMs: timeoutMs > 0 ? timeoutMs : randomWatchMs(),
      ...(definition.storedAs?.conversion !== undefined && {
        prepare: (all: readonly CachedObject[]) => prepareToServe(definition, all, request.signal),
      }),
      isNear: request.user !== undefined,
    },
    representation.watch,
    request.signal,
  );
  const answer = {
    kind: "stream",
    status: 200,
    headers: { "content-type": watchContentType },
    body,
  } as const;
  return wantsWebSocket(request) ? webSocketWatch(request, answer) : answer;
}

/** Of a watch of one object by its path. */
function namedIn({ info, request }: ResourceScope): string | undefined {
  return request.query.has("fieldSelector") ? undefined : info.name;
}
