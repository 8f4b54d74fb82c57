import { int, message, text } from "#base/protobuf.ts";

/** @see grpc/grpc, doc/health-checking.md */
export const healthPath = "/grpc.health.v1.Health/Check";
export const healthRequest = message({ service: text(1) });
export const healthResponse = message({ status: int(1) });

const statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

export function findHealthStatus(status: number): string {
  return statuses[status] ?? String(status);
}
