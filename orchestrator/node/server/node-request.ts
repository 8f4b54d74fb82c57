/** What the agent's server is asked. */
export type NodeRequest =
  | LogsRequest
  | ExecRequest
  | {
      readonly kind: "port-forward";
      readonly namespace: string;
      readonly pod: string;
      readonly ports: readonly number[];
    }
  | { readonly kind: "pods" | "summary" | "resource-metrics" | "health" };

export interface LogsRequest {
  readonly kind: "logs";
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds before now. */
  readonly sinceMs?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly stream?: "stdout" | "stderr";
}

export interface ExecRequest {
  readonly kind: "exec" | "attach";
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Undefined for what the server does not know. */
export function parseNodeRequest(method: string, url: string): NodeRequest | undefined {
  const { pathname, searchParams: query } = new URL(url, "https://node");
  const [first, ...rest] = pathname.split("/").slice(1).map(decode);
  const [namespace = "", pod = ""] = rest;
  const container = rest.at(-1) ?? "";
  if (method === "GET" && first === "containerLogs" && rest.length === 3)
    return logs(namespace, pod, container, query);
  if ((first === "exec" || first === "attach") && (rest.length === 3 || rest.length === 4))
    return exec(first, namespace, pod, container, query);
  if (first === "portForward" && (rest.length === 2 || rest.length === 3)) {
    const ports = [...query.getAll("port"), ...query.getAll("ports")]
      .map(Number)
      .filter((port) => port > 0 && port < 65_536);
    return { kind: "port-forward", namespace, pod, ports };
  }
  const kind = method === "GET" ? plain[pathname] : undefined;
  return kind === undefined ? undefined : { kind };
}

const plain: Readonly<Record<string, "pods" | "summary" | "resource-metrics" | "health">> = {
  "/pods": "pods",
  "/stats/summary": "summary",
  "/metrics/resource": "resource-metrics",
  "/healthz": "health",
};

function logs(namespace: string, pod: string, container: string, query: URLSearchParams): LogsRequest {
  const [tailLines, limitBytes, sinceSeconds] = ["tailLines", "limitBytes", "sinceSeconds"].map((name) =>
    number(query, name),
  );
  const sinceTime = query.get("sinceTime");
  const stream = { Stdout: "stdout", Stderr: "stderr" }[query.get("stream") ?? ""] as
    | "stdout"
    | "stderr"
    | undefined;
  return {
    kind: "logs",
    namespace,
    pod,
    container,
    follow: flag(query, "follow"),
    previous: flag(query, "previous"),
    timestamps: flag(query, "timestamps"),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceSeconds === undefined ? {} : { sinceMs: sinceSeconds * 1000 }),
    ...(sinceTime === null || sinceTime === "" ? {} : { sinceTime }),
    ...(stream === undefined ? {} : { stream }),
  };
}

function exec(
  kind: "exec" | "attach",
  namespace: string,
  pod: string,
  container: string,
  query: URLSearchParams,
): ExecRequest {
  return {
    kind,
    namespace,
    pod,
    container,
    command: query.getAll("command"),
    stdin: flag(query, "input") || flag(query, "stdin"),
    stdout: flag(query, "output") || flag(query, "stdout"),
    stderr: flag(query, "error") || flag(query, "stderr"),
    tty: flag(query, "tty"),
  };
}

function flag(query: URLSearchParams, name: string): boolean {
  return ["1", "true"].includes(query.get(name) ?? "");
}

function number(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  return text === null || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
