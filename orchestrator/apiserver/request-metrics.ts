import type { RequestInfo } from "./request-info.ts";
import type { RequestLimits } from "./request-limits.ts";

/** Upper ends of what durations are counted in, in seconds. */
const buckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60];

interface Series {
  readonly labels: string;
  count: number;
  sumS: number;
  readonly within: number[];
}

export interface ProcessFacts {
  readonly residentBytes: number;
  readonly cpuS: number;
  readonly startedS: number;
}

/** What the API has answered, as Prometheus reads it. @see Kubernetes, metrics reference: apiserver_request_total */
export class RequestMetrics {
  readonly #totals = new Map<string, number>();
  readonly #durations = new Map<string, Series>();

  record(info: RequestInfo, code: number, seconds: number, isStream: boolean): void {
    const labels = labelsOf(info);
    const total = `${labels},code="${code}"`;
    this.#totals.set(total, (this.#totals.get(total) ?? 0) + 1);
    if (isStream) return;
    let series = this.#durations.get(labels);
    if (series === undefined) {
      series = { labels, count: 0, sumS: 0, within: buckets.map(() => 0) };
      this.#durations.set(labels, series);
    }
    series.count++;
    series.sumS += seconds;
    const at = buckets.findIndex((end) => seconds <= end);
    if (at !== -1) series.within[at] = (series.within[at] ?? 0) + 1;
  }

  /** In Prometheus' text format. */
  text(limits: RequestLimits, facts: ProcessFacts): string {
    const { reading, writing } = limits.underWay;
    return [
      "# HELP apiserver_request_total Counter of apiserver requests broken out for each verb, group, version, resource and HTTP response code.",
      "# TYPE apiserver_request_total counter",
      ...Array.from(this.#totals, ([labels, count]) => `apiserver_request_total{${labels}} ${count}`),
      "# HELP apiserver_request_duration_seconds Response latency distribution in seconds for each verb, group, version and resource.",
      "# TYPE apiserver_request_duration_seconds histogram",
      ...this.#durations.values().flatMap(histogram),
      "# HELP apiserver_current_inflight_requests Number of requests that are under way.",
      "# TYPE apiserver_current_inflight_requests gauge",
      `apiserver_current_inflight_requests{request_kind="readOnly"} ${reading}`,
      `apiserver_current_inflight_requests{request_kind="mutating"} ${writing}`,
      "# TYPE process_resident_memory_bytes gauge",
      `process_resident_memory_bytes ${facts.residentBytes}`,
      "# TYPE process_cpu_seconds_total counter",
      `process_cpu_seconds_total ${facts.cpuS}`,
      "# TYPE process_start_time_seconds gauge",
      `process_start_time_seconds ${facts.startedS}`,
      "",
    ].join("\n");
  }
}

function labelsOf(info: RequestInfo): string {
  if (info.type === "path")
    return `group="",resource="",scope="",subresource="${rootOf(info.path)}",verb="${info.verb.toUpperCase()}",version=""`;
  const { group, version, resource, subresource = "", verb, namespace, name } = info;
  const scope = name !== undefined ? "resource" : namespace !== undefined ? "namespace" : "cluster";
  const quoted = (text: string) => text.replaceAll(/["\\\n]/g, "_").slice(0, 100);
  return `group="${quoted(group)}",resource="${quoted(resource)}",scope="${scope}",subresource="${quoted(subresource)}",verb="${verb.toUpperCase()}",version="${quoted(version)}"`;
}

const roots = new Set(["/healthz", "/livez", "/readyz", "/version", "/metrics", "/openapi", "/api", "/apis"]);

/** Strangers must not be able to make series at will. */
function rootOf(path: string): string {
  const root = `/${path.split("/")[1] ?? ""}`;
  return roots.has(root) ? root : "";
}

function histogram({ labels, count, sumS, within }: Series): readonly string[] {
  const name = "apiserver_request_duration_seconds";
  let below = 0;
  return [
    ...buckets.map((end, at) => `${name}_bucket{${labels},le="${end}"} ${(below += within[at] ?? 0)}`),
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sumS}`,
    `${name}_count{${labels}} ${count}`,
  ];
}
