import { failure } from "#api/kube/status.ts";
import type { Log } from "#base/log.ts";
import type { Transport } from "#client/transport.ts";
import type { AdmissionPlugin } from "#orchestrator/admission/plugin.ts";
import type { Authenticator, User } from "#orchestrator/authn/user.ts";
import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { Store } from "#orchestrator/storage/store.ts";
import { type ApiAnswer, type ApiHandler, textAnswer } from "./api-request.ts";
import { ObjectCache } from "./cache/object-cache.ts";
import { noSuchPath } from "./errors.ts";
import { inProcessTransport } from "./http/in-process.ts";
import { apiPipeline, type RequestScope } from "./pipeline.ts";
import { AdmissionChain } from "./registry/admission-chain.ts";
import type { FieldOwners } from "./registry/field-owners.ts";
import type { RegistryDeps } from "./registry/registry.ts";
import { ResourceTable } from "./registry/resource-table.ts";
import { answerResource } from "./resource-handler.ts";

/** Who may do what, and how writes are changed. Made when there is something to read from. */
export interface AccessControl {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly plugins: readonly AdmissionPlugin[];
}

export interface ApiDeps {
  readonly store: Store;
  readonly resources: readonly ResourceDefinition[];
  readonly owners: FieldOwners;
  readonly access: (parts: {
    readonly cache: ObjectCache;
    readonly resources: ResourceTable;
  }) => AccessControl;
  readonly now: () => Date;
  readonly newUid: () => string;
  readonly random: () => number;
  readonly log: Log;
}

/** The API without a network: whatever carries requests hands them to its handler. */
export interface Api extends AsyncDisposable {
  readonly handler: ApiHandler;
  readonly cache: ObjectCache;
  readonly resources: ResourceTable;
  /** For controllers in the same process. */
  transport(user: User): Transport;
}

export async function openApi(deps: ApiDeps, signal: AbortSignal): Promise<Api> {
  await using undo = new AsyncDisposableStack();
  const { store, log, now, newUid, random } = deps;
  const cache = undo.use(await ObjectCache.open({ store, log }, signal));
  const resources = new ResourceTable(deps.resources);
  const access = deps.access({ cache, resources });
  const registry: RegistryDeps = {
    store,
    cache,
    resources,
    admission: new AdmissionChain(access.plugins),
    owners: deps.owners,
    now,
    newUid,
    random,
    log,
  };
  const handler = apiPipeline({
    authenticator: access.authenticator,
    authorizer: access.authorizer,
    newId: newUid,
    log,
    answer: (scope) => answer(registry, scope),
  });
  const opened = undo.move();
  return {
    handler,
    cache,
    resources,
    transport: (user) => inProcessTransport(handler, user),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function answer(registry: RegistryDeps, scope: RequestScope): Promise<ApiAnswer> {
  const { info } = scope;
  if (info.type === "resource") return await answerResource(registry, { ...scope, info });
  if (/^\/(healthz|livez|readyz)$/.test(info.path)) return textAnswer(200, "ok");
  throw failure("NotFound", noSuchPath, {});
}
