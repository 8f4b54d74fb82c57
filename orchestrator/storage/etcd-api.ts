import { bigInt, bool, bytes, int, many, message, sub } from "#base/protobuf.ts";

// Messages of etcdserverpb; only fields that the store reads or writes.
// @see etcd v3.4, api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto

const header = message({ revision: int(3) });
const keyValue = message({
  key: bytes(1),
  createRevision: int(2),
  modRevision: int(3),
  value: bytes(5),
});
const event = message({ type: int(1), kv: sub(2, keyValue), previous: sub(3, keyValue) });

export const rangeRequest = message({
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: int(3),
  revision: int(4),
  countOnly: bool(9),
});
export const rangeResponse = message({
  header: sub(1, header),
  kvs: many(2, keyValue),
  count: int(4),
});
const putRequest = message({ key: bytes(1), value: bytes(2), lease: bigInt(3) });
const deleteRequest = message({ key: bytes(1) });

/** One of them. */
const operation = message({
  range: sub(1, rangeRequest),
  put: sub(2, putRequest),
  delete: sub(3, deleteRequest),
});
const operationResponse = message({ range: sub(1, rangeResponse) });

/** Here always: the revision of the key's last change, equal to. */
const comparison = message({ result: int(1), target: int(2), key: bytes(3), modRevision: int(6) });
export const compareModRevision = 2;

export const transactionRequest = message({
  compare: many(1, comparison),
  success: many(2, operation),
  failure: many(3, operation),
});
export const transactionResponse = message({
  header: sub(1, header),
  succeeded: bool(2),
  responses: many(3, operationResponse),
});

const watchCreate = message({
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: int(3),
  progressNotify: bool(4),
  previous: bool(6),
  fragment: bool(8),
});
const watchProgress = message({});
export const watchRequest = message({ create: sub(1, watchCreate), progress: sub(3, watchProgress) });
export const watchResponse = message({
  header: sub(1, header),
  isCreated: bool(3),
  isCancelled: bool(4),
  compactRevision: int(5),
  fragment: bool(7),
  events: many(11, event),
});
export const deleteEvent = 1;

export const compactRequest = message({ revision: int(1), physical: bool(2) });
export const compactResponse = message({ header: sub(1, header) });

export const leaseGrantRequest = message({ ttlS: int(1) });
export const leaseGrantResponse = message({ id: bigInt(2) });
