import { bigInt, bytes, int, map, message, sub, text } from "#base/protobuf.ts";

// Messages of containerd.services.content.v1.Content, which clients offer for folders with an OCI layout.
// @see github.com/containerd/containerd, api/services/content/v1/content.proto

const info = message({ digest: text(1), size: int(2), labels: map(5, text) });
export const infoRequest = message({ digest: text(1) });
export const infoResponse = message({ info: sub(1, info) });

export const readContentRequest = message({ digest: text(1), offset: int(2), size: int(3) });
export const readContentResponse = message({ offset: bigInt(1), data: bytes(2) });

export const writeActions = { stat: 0, write: 1, commit: 2 } as const;
export const writeContentRequest = message({
  action: int(1),
  ref: text(2),
  total: int(3),
  expected: text(4),
  offset: int(5),
  data: bytes(6),
});
export const writeContentResponse = message({
  action: int(1),
  offset: int(4),
  total: int(5),
  digest: text(6),
});
