import { setTimeout as sleep } from "node:timers/promises";
import { failure } from "#api/kube/status.ts";
import type { Log } from "#base/log.ts";
import type { APIService } from "#api/kube/types/apiregistration.ts";
import type { Transport } from "#client/transport.ts";
import type { AdmissionPlugin } from "#orchestrator/admission/plugin.ts";
import type { Auditor } from "#orchestrator/audit/auditor.ts";
import type { Authenticator, User } from "#orchestrator/authn/user.ts";
import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { Store } from "#orchestrator/storage/store.ts";
import { type ApiAnswer, type ApiHandler, textAnswer } from "./api-request.ts";
import { Aggregator, type AggregatorDeps } from "./aggregation/aggregator.ts";
import { ObjectCache } from "./cache/object-cache.ts";
import { DefinitionKeeper } from "./custom/definition-keeper.ts";
import { Connector, type ConnectorDeps } from "./connect/connector.ts";
import { DiscoveryHandler } from "./discovery/discovery-handler.ts";
import { OpenApiHandler } from "./discovery/openapi-handler.ts";
import { noSuchPath } from "./errors.ts";
import { answerResource, type DispatchDeps, type VirtualResource } from "./handlers/dispatch.ts";
import { answerHealth, type HealthCheck, type VersionFacts } from "./health-handler.ts";
import { inProcessTransport } from "./http/in-process.ts";
import { ResourceMetrics } from "./resource-metrics/resource-metrics.ts";
import { type NodeSummary, UsageSampler } from "./resource-metrics/usage-sampler.ts";
import { RequestLimits, usualLimits } from "./request-limits.ts";
import { measured } from "./measured.ts";
import { type ProcessFacts, RequestMetrics } from "./request-metrics.ts";
import { apiPipeline, type RequestScope } from "./pipeline.ts";
import type { RequestInfo } from "./request-info.ts";
import { AdmissionChain } from "./registry/admission-chain.ts";
import { ManagedFields } from "./registry/managed-fields.ts";
import { withConversions } from "./registry/conversions.ts";
import type { RegistryDeps } from "./registry/registry.ts";
import { ServiceAllocator } from "./registry/service-allocator.ts";
import { httpsWebhooks } from "./webhooks/https-caller.ts";
import { ResourceTable } from "./registry/resource-table.ts";

/** Who may do what, and how writes are changed. */
export interface AccessControl {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly plugins: readonly AdmissionPlugin[];
  /** By place: what is answered and not kept, e.g. reviews and tokens. */
  readonly virtual: ReadonlyMap<string, VirtualResource>;
  /** Other paths, by their beginning, e.g. `/openid/v1/jwks`. */
  readonly paths: ReadonlyMap<string, (scope: RequestScope) => Promise<ApiAnswer>>;
}

/** What access control is made from. */
export interface AccessParts {
  readonly cache: ObjectCache;
  readonly resources: ResourceTable;
}

export interface ApiDeps {
  readonly store: Store;
  readonly resources: readonly ResourceDefinition[];
  readonly access: (parts: AccessParts) => AccessControl;
  /** How we prove to nodes that we are the API server. */
  readonly nodeCredentials: ConnectorDeps["credentials"];
  /** How we prove to API servers behind an APIService that it is us who say who asks. */
  readonly frontProxyCredentials: AggregatorDeps["credentials"];
  /** Writes down what is asked; absent: nobody does. */
  readonly auditor?: Auditor;
  readonly facts: VersionFacts;
  /** Where addresses of services come from, e.g. `10.96.0.0/16`. */
  readonly serviceRange: string;
  /** Beside those of the API itself. */
  readonly checks: ReadonlyMap<string, HealthCheck>;
  /** Of the API for clients, e.g. `192.0.2.1:6443`. */
  readonly address: () => string;
  readonly now: () => Date;
  /** Seconds of a clock that only goes forward. */
  readonly clockS: () => number;
  readonly processFacts: () => ProcessFacts;
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
  const { store, log, now, newUid, random, serviceRange } = deps;
  const cache = undo.use(await ObjectCache.open({ store, log }, signal));
  const resources = new ResourceTable(withConversions(deps.resources));
  const access = deps.access({ cache, resources });
  const admission = new AdmissionChain(access.plugins);
  const registry: RegistryDeps = {
    store,
    cache,
    resources,
    admission,
    owners: new ManagedFields(resources),
    allocators: new Map([["core/services", new ServiceAllocator(cache, serviceRange, random)]]),
    now,
    newUid,
    random,
    log,
  };
  undo.use(await DefinitionKeeper.open(registry, httpsWebhooks(cache)));
  const aggregator = undo.use(new Aggregator({ registry, credentials: deps.frontProxyCredentials }));
  const connector = new Connector({ cache, credentials: deps.nodeCredentials, random });
  const sampler = new UsageSampler({
    ask: async (node, until) => JSON.parse(await connector.ask(node, "/stats/summary", until)) as NodeSummary,
    nowMs: () => deps.now().getTime(),
    wait: (ms, until) => sleep(ms, undefined, { signal: until }),
  });
  const usage = new ResourceMetrics(cache, sampler, deps.now);
  const dispatch: DispatchDeps = {
    registry,
    virtual: access.virtual,
    connect: (scope) => connector.connect(scope),
  };
  const metrics = new RequestMetrics();
  const limits = new RequestLimits(usualLimits);
  const pipeline = apiPipeline({
    authenticator: access.authenticator,
    authorizer: access.authorizer,
    newId: newUid,
    now,
    ...(deps.auditor !== undefined && { auditor: deps.auditor }),
    log,
    limits,
    answer: router({ ...deps, access, dispatch, aggregator, usage }, () =>
      metrics.text(limits, deps.processFacts()),
    ),
  });
  const handler = measured({ metrics, resources, clockS: deps.clockS }, pipeline);
  const opened = undo.move();
  return {
    handler,
    cache,
    resources,
    transport: (user) => inProcessTransport(handler, user),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

interface RouterDeps extends Pick<ApiDeps, "checks" | "address" | "facts"> {
  readonly access: AccessControl;
  readonly dispatch: DispatchDeps;
  readonly aggregator: Aggregator;
  readonly usage: ResourceMetrics;
}

function router(
  { access, dispatch, aggregator, usage, ...deps }: RouterDeps,
  metricsText: () => string,
): (scope: RequestScope) => Promise<ApiAnswer> {
  const { cache, resources } = dispatch.registry;
  const checks = new Map<string, HealthCheck>([
    ["ping", () => undefined],
    ["etcd", () => cache.failure],
    ...deps.checks,
  ]);
  const others = [aggregator.served, usage.served];
  const discovery = new DiscoveryHandler([resources, ...others], deps.address);
  const openApi = new OpenApiHandler(resources, deps.facts.version, aggregator.served);
  return async (scope) => {
    const { info, request, user } = scope;
    const remote = remoteOf(aggregator, info);
    if (remote !== undefined) return await aggregator.pass(remote, request, user);
    if (info.type === "resource" && usage.served.hasVersion(info.group, info.version))
      return await usage.answer(scope);
    if (info.type === "resource") return await answerResource(dispatch, { ...scope, info });
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead)
      throw failure(
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
      );
    if (info.path === "/metrics")
      return textAnswer(200, metricsText(), { "content-type": "text/plain; version=0.0.4" });
    const own = access.paths.get(info.path);
    const answer =
      own !== undefined
        ? await own(scope)
        : (discovery.answer(request) ??
          answerHealth(request, checks, deps.facts) ??
          (await openApi.answer(request)));
    if (answer === undefined) throw failure("NotFound", noSuchPath, {});
    return answer;
  };
}

/** Who else serves what a request is about: resources of a group's version, its discovery, and its description. */
function remoteOf(aggregator: Aggregator, info: RequestInfo): APIService | undefined {
  if (info.type === "resource") return aggregator.find(info.group, info.version);
  const [, group, version] = /^(?:\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)\/?$/.exec(info.path) ?? [];
  return group === undefined || version === undefined ? undefined : aggregator.find(group, version);
}
