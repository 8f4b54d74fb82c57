import { join } from "node:path";
import { booleanFilter, parseFilters, valuesFor } from "#api/docker/filters.ts";
import { Fault } from "#base/fault.ts";
import type { Clock } from "#base/time.ts";
import type { Builds, CacheEntry } from "#engine/build/build-service.ts";
import type { Builder, BuildRequest } from "#engine/build/builder.ts";
import type { Spool } from "#engine/build/files/spool.ts";
import { familiarReference } from "#oci/reference.ts";
import type { BuildKitRouteDeps } from "./buildkit.ts";
import { empty, json, type StreamAnswer } from "./answer.ts";
import { type BuildOptions, parseBuildOptions } from "./build-options.ts";
import type { Call, Handler, Route } from "./call.ts";
import { LineQueue } from "./line-queue.ts";
import type { Query } from "./query.ts";
import { credentialsFor } from "./registry.ts";
import { parseUntil } from "./until.ts";

export interface BuildRouteDeps extends BuildKitRouteDeps {
  readonly builds: Builds;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly now: Clock;
}

/** @see Docker Engine API v1.51, POST /build, /build/prune, /build/cancel */
export function buildRoutes(deps: BuildRouteDeps): readonly Route[] {
  const { builds, nowMs } = deps;
  const running = new Map<string, AbortController>();
  return [
    { method: "POST", path: "/build", handle: (call) => build(deps, running, call) },
    { method: "POST", path: "/build/prune", handle: prune(builds, nowMs) },
    {
      method: "POST",
      path: "/build/cancel",
      handle: ({ query }) => {
        const id = query.text("id");
        if (id === "") throw new Fault("invalid", "build ID not provided");
        running.get(id)?.abort();
        return empty(200);
      },
    },
  ];
}

function build(deps: BuildRouteDeps, running: Map<string, AbortController>, call: Call): StreamAnswer {
  const options = parseBuildOptions(call.query);
  const cancel = new AbortController();
  const { signal } = call;
  const either = AbortSignal.any([signal, cancel.signal]);
  if (options.id !== "") running.set(options.id, cancel);
  const queue = new LineQueue();
  const work = async () => {
    try {
      if (isSolve(call.query)) await solve(deps, options, call, queue, either);
      else await run(deps, options, call, queue, either);
      queue.end();
    } catch (error) {
      queue.fail(cancel.signal.aborted && !signal.aborted ? new Fault("conflict", "build cancelled") : error);
    } finally {
      running.delete(options.id);
    }
  };
  void work();
  return {
    kind: "stream",
    type: "application/json",
    start: "first-chunk",
    onFailure: "report",
    chunks: queue.lines(() => cancel.abort()),
  };
}

/** Whether the files are in a session, which only BuildKit's way of building has. */
function isSolve(query: Query): boolean {
  return query.text("version") === "2" && query.text("session") !== "";
}

async function solve(
  { buildkit }: BuildRouteDeps,
  options: BuildOptions,
  { query }: Call,
  queue: LineQueue,
  signal: AbortSignal,
): Promise<void> {
  const { solveOrderOf } = await import("./solve-query.ts");
  const { imageLine, traceLine } = await import("./build-trace.ts");
  const order = solveOrderOf(query, options);
  const service = await buildkit();
  const id = await service.build(order, (status) => queue.push(traceLine(status)), signal);
  if (id !== undefined) await queue.push(imageLine(id));
}

async function run(
  deps: BuildRouteDeps,
  options: BuildOptions,
  call: Call,
  queue: LineQueue,
  signal: AbortSignal,
): Promise<void> {
  const { openContext } = await import("#engine/build/open-context.ts");
  const { Spool: SpoolClass } = await import("#engine/build/files/spool.ts");
  const builder = await deps.builds.builder();
  const folder = join(builder.folder, "tmp");
  const spools: Spool[] = [];
  const openSpool = () => {
    const spool = new SpoolClass(folder);
    spools.push(spool);
    return spool;
  };
  try {
    const { dockerfileName: name, remote, isQuiet, tags } = options;
    const context = await openContext({ body: call.request, remote, name, openSpool, folder }, signal);
    const dockerfileName = name === "" ? "Dockerfile" : name;
    const request = { ...options, ...context, dockerfileName, credentials: credentialsFor(call) };
    if (call.query.text("version") === "2") return await traced(deps, builder, request, queue, signal);
    const reporter = { text: (text: string) => (isQuiet ? Promise.resolve() : queue.push({ stream: text })) };
    const id = await builder.build(request, reporter, signal);
    if (isQuiet) return await queue.push({ stream: `${id}\n` });
    if (call.version >= 30) await queue.push({ aux: { ID: id } });
    await queue.push({ stream: `Successfully built ${id.slice("sha256:".length, "sha256:".length + 12)}\n` });
    for (const tag of tags) await queue.push({ stream: `Successfully tagged ${familiarReference(tag)}\n` });
  } finally {
    for (const spool of spools) spool[Symbol.dispose]();
  }
}

/** The same build for a client that expects BuildKit's account of it. */
async function traced(
  { now }: BuildRouteDeps,
  builder: Builder,
  request: BuildRequest,
  queue: LineQueue,
  signal: AbortSignal,
): Promise<void> {
  const { imageLine, StepTrace } = await import("./build-trace.ts");
  const trace = new StepTrace((line) => queue.push(line), now);
  try {
    const id = await builder.build(request, trace, signal);
    await trace.end();
    await queue.push(imageLine(id));
  } catch (error) {
    await trace.end(error);
    throw error;
  }
}

const pruneFilters = [
  "until",
  "unused-for",
  "id",
  "parent",
  "type",
  "description",
  "inuse",
  "shared",
  "private",
];

function prune(builds: Builds, nowMs: () => number): Handler {
  return async ({ query }) => {
    const all = query.boolean("all");
    const filters = parseFilters(query.find("filters"), pruneFilters);
    const until = parseUntil([...valuesFor(filters, "until"), ...valuesFor(filters, "unused-for")], nowMs());
    const ids = valuesFor(filters, "id");
    const descriptions = valuesFor(filters, "description");
    const isShared = booleanFilter(filters, "shared");
    const keep = keeper(
      builds,
      query.findInteger("reserved-space") ?? query.findInteger("keep-storage") ?? 0,
    );
    const matches = (entry: CacheEntry) =>
      !keep.has(entry.key) &&
      (all || !entry.isInUse) &&
      (until === undefined || entry.usedAt < until) &&
      (ids.length === 0 || ids.some((id) => entry.key.startsWith(id))) &&
      (descriptions.length === 0 || descriptions.some((text) => entry.description.includes(text))) &&
      (isShared === undefined || isShared === entry.isInUse);
    const { removed, bytes } = await builds.prune(matches, { all: all && filters.size === 0 });
    const shown = removed.map((key) => key.slice(0, 25));
    return json({ CachesDeleted: shown.length === 0 ? null : shown, SpaceReclaimed: bytes });
  };
}

/** Keys of the results that were used last and fit into that many bytes. */
function keeper(builds: Builds, bytes: number): ReadonlySet<string> {
  const kept = new Set<string>();
  if (bytes <= 0) return kept;
  let left = bytes;
  for (const entry of builds.cache().toReversed()) {
    left -= entry.bytes;
    if (left < 0) break;
    kept.add(entry.key);
  }
  return kept;
}
