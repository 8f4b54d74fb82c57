import { definition, rpcStatus } from "./control.ts";
import { bool, bytes, many, map, message, sub, text } from "#base/protobuf.ts";

// Messages of moby.buildkit.v1.frontend.LLBBridge, as far as clients that build with Docker's own daemon send them.
// @see github.com/moby/buildkit, frontend/gateway/pb/gateway.proto, util/apicaps/pb/caps.proto

const capability = message({ id: text(1), enabled: bool(2) });
export const pongResponse = message({ frontendCaps: many(1, capability), llbCaps: many(2, capability) });

const ref = message({ id: text(1), def: sub(2, definition) });
export const result = message({ ref: sub(3, ref), metadata: map(10, bytes) });
export const gatewaySolveRequest = message({
  definition: sub(1, definition),
  frontend: text(2),
  frontendOpt: map(3, text),
  allowResultReturn: bool(5),
  allowResultArrayRef: bool(6),
  frontendInputs: map(13, (number) => sub(number, definition)),
  evaluate: bool(14),
});
export const gatewaySolveResponse = message({ result: sub(3, result) });
export const returnRequest = message({ result: sub(1, result), error: sub(2, rpcStatus) });
export const evaluateRequest = message({ ref: text(1) });
