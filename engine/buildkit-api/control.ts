import {
  buildHistoryEvent,
  buildHistoryRequest,
  diskUsageRequest,
  diskUsageResponse,
  infoResponse,
  listWorkersResponse,
  pruneRequest,
  solveRequest,
  solveResponse,
  statusRequest,
  statusResponse,
  updateBuildHistoryRequest,
  usageRecord,
} from "#api/buildkit/control.ts";
import { nothing } from "#api/buildkit/session.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import type { Clock } from "#base/time.ts";
import type { Builds } from "#engine/build/build-service.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import type { Platform } from "#oci/platform.ts";
import { unpackLog } from "./build-log.ts";
import { exportCache, parseCacheExports } from "./cache-export.ts";
import { exportResult, type Exporter } from "./export.ts";
import { noLists } from "./export-image.ts";
import { flagOf } from "./image-attributes.ts";
import { type Methods, streaming, unary } from "#rpc/methods.ts";
import type { History } from "./history.ts";
import { Job, type Jobs } from "./jobs.ts";
import { contentMethods, resultsTold } from "./kept-provenance.ts";
import { sessionMethod } from "./session-stream.ts";
import type { Sessions } from "./sessions.ts";
import { RpcError } from "#rpc/status.ts";
import type { Solved } from "./solved.ts";
import type { Solving } from "./solving.ts";
import { pruneCache, usageRecords } from "./usage.ts";

export interface ControlDeps {
  readonly builds: Builds;
  readonly sessions: Sessions;
  readonly jobs: Jobs;
  readonly solving: Solving;
  readonly exchange: () => Promise<ContentExchange>;
  readonly platform: Platform;
  /** By which clients tell workers apart. */
  readonly workerId: string;
  readonly hostGateway: () => string;
  readonly entitlements: readonly string[];
  readonly now: Clock;
}

type SolveRequest = MessageOf<typeof solveRequest>;

const version = { package: "github.com/moby/buildkit", version: "v0.0.0+gantry", revision: "" };

/** @see github.com/moby/buildkit, api/services/control/control.proto, service Control */
export function controlMethods(deps: ControlDeps, history: History): Methods {
  const service = "/moby.buildkit.v1.Control";
  return new Map([
    [`${service}/Info`, unary(nothing, infoResponse, () => ({ version }))],
    [`${service}/ListWorkers`, unary(nothing, listWorkersResponse, () => ({ record: [workerOf(deps)] }))],
    [
      `${service}/DiskUsage`,
      unary(diskUsageRequest, diskUsageResponse, ({ filter }) => ({
        record: usageRecords(deps.builds.cache(), filter),
      })),
    ],
    [
      `${service}/Prune`,
      streaming(pruneRequest, usageRecord, async (request, send) => {
        for (const record of await pruneCache(deps.builds, request, Number(deps.now() / 1_000_000n)))
          await send(record);
      }),
    ],
    [
      `${service}/Status`,
      streaming(statusRequest, statusResponse, async ({ ref }, send, { signal }) => {
        const log = deps.jobs.isKnown(ref) ? undefined : await history.log(ref);
        if (log !== undefined) for await (const event of unpackLog(log)) await send(event);
        if (log !== undefined) return;
        const progress = await deps.jobs.watch(ref, signal);
        for await (const event of progress.events(signal)) await send(event);
      }),
    ],
    [
      `${service}/Solve`,
      unary(solveRequest, solveResponse, async (request, { signal }) => ({
        exporterResponse: await solve(deps, history, request, signal),
      })),
    ],
    ...contentMethods((digest) => history.findBlob(digest)),
    [`${service}/Session`, sessionMethod(deps.sessions)],
    [
      `${service}/ListenBuildHistory`,
      streaming(buildHistoryRequest, buildHistoryEvent, async (request, send, { signal }) => {
        for await (const event of history.events(request, signal)) await send(event);
      }),
    ],
    [
      `${service}/UpdateBuildHistory`,
      unary(updateBuildHistoryRequest, nothing, (request) => {
        history.update(request);
        return {};
      }),
    ],
  ]);
}

/** @throws what fails the build */
export async function solve(
  deps: ControlDeps,
  history: History,
  request: SolveRequest,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { ref, session, entitlements } = request;
  const refused = entitlements.find((name) => !deps.entitlements.includes(name));
  if (refused !== undefined)
    throw new Fault(
      "invalid",
      `granting entitlement ${refused.slice(0, 200)} is not allowed by build daemon configuration`,
    );
  const job = new Job({ ref, session, entitlements, now: deps.now, signal });
  deps.jobs.add(job);
  const record = history.begin(request);
  try {
    const { response, solved } = await result(deps, job, request, signal);
    const results = solved === undefined ? undefined : resultsTold(solved, deps.now());
    record.end(job.progress.counts, response, undefined, job.progress.told, results);
    return response;
  } catch (error) {
    record.end(job.progress.counts, new Map(), error, job.progress.told);
    throw error;
  } finally {
    await deps.jobs.end(job);
  }
}

async function result(
  deps: ControlDeps,
  job: Job,
  request: SolveRequest,
  signal: AbortSignal,
): Promise<{ readonly response: ReadonlyMap<string, string>; readonly solved?: Solved }> {
  if ((request.definition?.def ?? []).length > 0)
    throw new Fault(
      "not-implemented",
      "solving a definition of operations is not supported: build a Dockerfile",
    );
  if ((request.frontendAttrs.get("requestid") ?? "") !== "")
    return { response: await deps.solving.ask(job, request.frontend, request.frontendAttrs) };
  const exporters = exportersOf(request);
  if (exporters.some(isForOne)) job.onePlatform = noLists;
  const caches = parseCacheExports(request.cache?.exports ?? []);
  const solved =
    request.frontend === ""
      ? await returned(job)
      : await job.find(await deps.solving.solve(job, request.frontend, request.frontendAttrs, new Map()));
  const response = new Map<string, string>();
  if (solved === undefined) return { response };
  const builder = await deps.builds.builder();
  const { exchange } = deps;
  const session = () => deps.sessions.get(job.session, signal);
  const hasInlineCache = caches.hasInline;
  for (const exporter of exporters) {
    const target = { job, session, exchange, hasInlineCache, folder: builder.folder };
    for (const [name, value] of await exportResult(target, solved, exporter, signal))
      response.set(name, value);
  }
  for (const cache of caches.others)
    for (const [name, value] of await exportCache({ job, session, exchange }, solved, cache, signal))
      response.set(name, value);
  return { response, solved };
}

/** What the client's own gateway has made; undefined for nothing. */
async function returned(job: Job) {
  const answer = await job.returned();
  if (answer.kind === "failure") throw new RpcError(answer.status);
  if (answer.id === "") return undefined;
  const built = await job.find(answer.id);
  if (built === undefined) throw new Fault("not-found", `no such result: ${answer.id.slice(0, 200)}`);
  return built;
}

/** Whether an index has no place where it goes. */
function isForOne({ type, attrs }: Exporter): boolean {
  if (type === "image") return !flagOf(attrs, "push", false);
  return type === "moby" || type === "docker";
}

function exportersOf({
  exporters,
  exporterDeprecated,
  exporterAttrsDeprecated,
}: SolveRequest): readonly Exporter[] {
  const named =
    exporters.length > 0 || exporterDeprecated === ""
      ? exporters
      : [{ type: exporterDeprecated, attrs: exporterAttrsDeprecated }];
  return named.map(({ type = "", attrs = new Map() }, index) => ({ type, attrs, index }));
}

function workerOf({ platform, workerId, hostGateway }: ControlDeps) {
  const { os, architecture, variant = "" } = platform;
  return {
    id: workerId,
    labels: new Map([
      ["org.mobyproject.buildkit.worker.moby.host-gateway-ip", hostGateway()],
      // By which clients know that they may ask for pushes, OCI layouts and caches to export.
      ["org.mobyproject.buildkit.worker.snapshotter", "overlayfs"],
    ]),
    platforms: [{ os, architecture, variant }],
    version,
  };
}
