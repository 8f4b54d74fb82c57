import { Fault } from "#base/fault.ts";
import type { MessageOf } from "#base/protobuf.ts";
import type { rangeResponse } from "./etcd-api.ts";
import { prefixEnd } from "./key-range.ts";
import type { Entry, Revision } from "./store.ts";

export type KeyValue = Partial<MessageOf<typeof rangeResponse>["kvs"][number]>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function keyBytes(key: string): Uint8Array {
  return encoder.encode(key);
}

/** Where a prefix ends; a zero byte means the end of all keys. @see etcd v3, RangeRequest.range_end */
export function rangeEnd(prefix: string): Uint8Array {
  return keyBytes(prefixEnd(prefix) ?? "\0");
}

/** The value is a copy: what etcd sent with it is let go. */
export function entryOf({ key, value, modRevision = 0, createRevision = 0 }: KeyValue): Entry {
  return {
    key: decoder.decode(key),
    value: Uint8Array.from(value ?? []),
    revision: modRevision,
    created: createRevision,
  };
}

export function compactedFault(compacted: Revision): Fault {
  return new Fault("precondition", `revisions before ${compacted} have been compacted`, {
    detail: { compacted },
  });
}
