import { bool, bytes, blobs, int, many, map, message, sub, text, texts } from "#base/protobuf.ts";

// Messages of moby.buildkit.v1.Control; only fields that this engine reads or writes.
// @see github.com/moby/buildkit, api/services/control/control.proto, api/types/worker.proto, solver/pb/ops.proto

export const timestamp = message({ seconds: int(1), nanos: int(2) });

const platform = message({ architecture: text(1), os: text(2), variant: text(3) });
const exporter = message({ type: text(1), attrs: map(2, text) });
const cacheEntry = message({ type: text(1), attrs: map(2, text) });
const cacheOptions = message({ exports: many(4, cacheEntry), imports: many(5, cacheEntry) });
const opMetadata = message({ ignoreCache: bool(1), description: map(2, text), caps: map(5, bool) });
export const definition = message({ def: blobs(1), metadata: map(2, (number) => sub(number, opMetadata)) });

export const solveRequest = message({
  ref: text(1),
  definition: sub(2, definition),
  exporterDeprecated: text(3),
  exporterAttrsDeprecated: map(4, text),
  session: text(5),
  frontend: text(6),
  frontendAttrs: map(7, text),
  cache: sub(8, cacheOptions),
  entitlements: texts(9),
  internal: bool(11),
  exporters: many(13, exporter),
});
export const solveResponse = message({ exporterResponse: map(1, text) });

export const statusRequest = message({ ref: text(1) });
export const vertex = message({
  digest: text(1),
  inputs: texts(2),
  name: text(3),
  cached: bool(4),
  started: sub(5, timestamp),
  completed: sub(6, timestamp),
  error: text(7),
});
export const vertexStatus = message({
  id: text(1),
  vertex: text(2),
  name: text(3),
  current: int(4),
  total: int(5),
  timestamp: sub(6, timestamp),
  started: sub(7, timestamp),
  completed: sub(8, timestamp),
});
export const vertexLog = message({
  vertex: text(1),
  timestamp: sub(2, timestamp),
  stream: int(3),
  msg: bytes(4),
});
const position = message({ line: int(1), character: int(2) });
const range = message({ start: sub(1, position), end: sub(2, position) });
const sourceInfo = message({ filename: text(1), data: bytes(2), language: text(4) });
export const vertexWarning = message({
  vertex: text(1),
  level: int(2),
  short: bytes(3),
  detail: blobs(4),
  url: text(5),
  info: sub(6, sourceInfo),
  ranges: many(7, range),
});
export const statusResponse = message({
  vertexes: many(1, vertex),
  statuses: many(2, vertexStatus),
  logs: many(3, vertexLog),
  warnings: many(4, vertexWarning),
});

const buildkitVersion = message({ package: text(1), version: text(2), revision: text(3) });
const gcPolicy = message({
  all: bool(1),
  keepDuration: int(2),
  reservedSpace: int(3),
  filters: texts(4),
  maxUsedSpace: int(5),
  minFreeSpace: int(6),
});
const worker = message({
  id: text(1),
  labels: map(2, text),
  platforms: many(3, platform),
  gcPolicy: many(4, gcPolicy),
  version: sub(5, buildkitVersion),
});
export const listWorkersResponse = message({ record: many(1, worker) });
export const infoResponse = message({ version: sub(1, buildkitVersion) });

export const diskUsageRequest = message({ filter: texts(1) });
export const usageRecord = message({
  id: text(1),
  mutable: bool(2),
  inUse: bool(3),
  size: int(4),
  createdAt: sub(6, timestamp),
  lastUsedAt: sub(7, timestamp),
  usageCount: int(8),
  description: text(9),
  recordType: text(10),
  shared: bool(11),
  parents: texts(12),
});
export const diskUsageResponse = message({ record: many(1, usageRecord) });
export const pruneRequest = message({
  filter: texts(1),
  all: bool(2),
  /** Nanoseconds. */
  keepDuration: int(3),
  reservedSpace: int(4),
  maxUsedSpace: int(5),
  minFreeSpace: int(6),
});

export const buildHistoryRequest = message({
  activeOnly: bool(1),
  ref: text(2),
  earlyExit: bool(3),
  filter: texts(4),
  limit: int(5),
});

/** @see google/rpc/status.proto */
const any = message({ typeUrl: text(1), value: bytes(2) });
export const rpcStatus = message({ code: int(1), message: text(2), details: many(3, any) });

const descriptor = message({ mediaType: text(1), digest: text(2), size: int(3), annotations: map(5, text) });
const resultInfo = message({ result: sub(1, descriptor), attestations: many(2, descriptor) });
export const historyEventTypes = { started: 0, complete: 1, deleted: 2 } as const;
export const buildHistoryEvent = message({
  type: int(1),
  record: sub(
    2,
    message({
      ref: text(1),
      frontend: text(2),
      frontendAttrs: map(3, text),
      exporters: many(4, exporter),
      error: sub(5, rpcStatus),
      createdAt: sub(6, timestamp),
      completedAt: sub(7, timestamp),
      exporterResponse: map(9, text),
      result: sub(10, resultInfo),
      results: map(11, (number) => sub(number, resultInfo)),
      pinned: bool(14),
      cachedSteps: int(15),
      totalSteps: int(16),
      completedSteps: int(17),
    }),
  ),
});
export const updateBuildHistoryRequest = message({
  ref: text(1),
  pinned: bool(2),
  delete: bool(3),
  finalize: bool(4),
});
