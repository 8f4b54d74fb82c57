import type { ApiHandler } from "./api-request.ts";
import type { ResourceTable } from "./registry/resource-table.ts";
import { parseRequestInfo, type RequestInfo } from "./request-info.ts";
import { isStream } from "./request-limits.ts";
import type { RequestMetrics } from "./request-metrics.ts";

export interface MeasuredDeps {
  readonly metrics: RequestMetrics;
  readonly resources: ResourceTable;
  /** Seconds of a clock that only goes forward. */
  readonly clockS: () => number;
}

/** Counts what a handler answers, and how long it takes until an answer begins. */
export function measured({ metrics, resources, clockS }: MeasuredDeps, handler: ApiHandler): ApiHandler {
  return async (request) => {
    const started = clockS();
    const answer = await handler(request);
    const info = infoOf(request, resources);
    if (info !== undefined) {
      const code = answer.kind === "upgrade" ? 101 : answer.status;
      metrics.record(info, code, clockS() - started, isStream(info));
    }
    return answer;
  };
}

/** Undefined for what is not served: whoever asks for nonsense makes no series of their own. */
function infoOf(
  { method, path, query }: Parameters<ApiHandler>[0],
  resources: ResourceTable,
): RequestInfo | undefined {
  try {
    const info = parseRequestInfo(method, path, query);
    if (info.type === "path") return info;
    const definition = resources.find(info.group, info.version, info.resource);
    const isKnown =
      definition !== undefined &&
      (info.subresource === undefined ||
        definition.subresources.some(({ name }) => name === info.subresource));
    return isKnown ? info : undefined;
  } catch {
    return undefined;
  }
}
