import type { KubeObject } from "#api/kube/meta.ts";
import { failure } from "#api/kube/status.ts";
import { notFound } from "../errors.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import { readyEndpoints } from "./ready-endpoints.ts";

/** Where a request is passed on to. */
export interface Target {
  /** `node`: over TLS, showing who we are; others are whatever runs in pods. */
  readonly kind: "node" | "http" | "https";
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
}

interface Container {
  readonly name: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}

interface Pod extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly ephemeralContainers?: readonly Container[];
  };
  readonly status?: { readonly podIP?: string };
}

interface Node extends KubeObject {
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: number } };
  };
}

interface Service extends KubeObject {
  readonly spec?: { readonly ports?: readonly { readonly name?: string; readonly port: number }[] };
}

const agentPort = 10_250;
/** Those of a node that are tried, the best first. */
const addressTypes = ["InternalIP", "Hostname", "InternalDNS", "ExternalDNS", "ExternalIP"];

/** @throws {StatusError} `NotFound`, `BadRequest` */
export function nodeTarget(cache: ObjectCache, name: string, path: string): Target {
  const [node = "", port] = name.split(":");
  const found = cache.find<Node>("nodes", undefined, node);
  if (found === undefined) throw notFound({ group: "", resource: "nodes" }, node);
  const { addresses = [], daemonEndpoints } = found.status ?? {};
  const address = addressTypes
    .map((type) => addresses.find((one) => one.type === type)?.address)
    .find((one) => one !== undefined);
  if (address === undefined)
    throw failure("InternalError", `no preferred addresses found; known addresses: []`);
  const own = daemonEndpoints?.kubeletEndpoint?.Port ?? agentPort;
  return { kind: "node", host: address, port: port === undefined ? own : Number(port), path };
}

/**
 * Of what is done with a container: exec, attach, log, portforward.
 *
 * @throws {StatusError} `NotFound`, `BadRequest`
 */
export function containerTarget(
  cache: ObjectCache,
  {
    namespace,
    name,
    action,
    query,
  }: { namespace: string; name: string; action: string; query: URLSearchParams },
): Target | undefined {
  const pod = findPod(cache, namespace, name);
  const container = action === "portforward" ? undefined : containerOf(pod, query.get("container") ?? "");
  const node = pod.spec?.nodeName ?? "";
  if (node === "") {
    // Nothing can have been written yet.
    if (action === "log") return undefined;
    throw failure("BadRequest", `pod ${name} does not have a host assigned`);
  }
  const where = [paths[action], namespace, name, ...(container === undefined ? [] : [container])].join("/");
  const parameters = action === "log" ? logQuery(query) : streamQuery(query);
  return nodeTarget(cache, node, `/${where}${parameters === "" ? "" : `?${parameters}`}`);
}

const paths: Readonly<Record<string, string>> = {
  exec: "exec",
  attach: "attach",
  portforward: "portForward",
  log: "containerLogs",
};
const streamNames: Readonly<Record<string, string>> = {
  stdin: "input",
  stdout: "output",
  stderr: "error",
  tty: "tty",
};
const logNames = [
  "follow",
  "previous",
  "sinceSeconds",
  "sinceTime",
  "timestamps",
  "tailLines",
  "limitBytes",
  "stream",
];

function streamQuery(query: URLSearchParams): string {
  const result = new URLSearchParams();
  for (const [name, value] of query) {
    const own = streamNames[name];
    if (own !== undefined && ["1", "true", "True"].includes(value)) result.append(own, "1");
    if (name === "command") result.append("command", value);
    if (name === "ports") result.append("port", value);
  }
  return result.toString();
}

function logQuery(query: URLSearchParams): string {
  const result = new URLSearchParams();
  for (const name of logNames) {
    const value = query.get(name);
    if (value !== null && value !== "" && value !== "false") result.set(name, value);
  }
  return result.toString();
}

function findPod(cache: ObjectCache, namespace: string, name: string): Pod {
  const pod = cache.find<Pod>("pods", namespace, name);
  if (pod === undefined) throw notFound({ group: "", resource: "pods" }, name);
  return pod;
}

function containerOf({ spec = {}, metadata: { name } }: Pod, asked: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  if (asked !== "") {
    const all = [...containers, ...initContainers, ...ephemeralContainers];
    if (all.some((one) => one.name === asked)) return asked;
    throw failure("BadRequest", `container ${asked} is not valid for pod ${name}`);
  }
  const [first] = containers;
  if (first === undefined) throw failure("BadRequest", `a container name must be specified for pod ${name}`);
  if (containers.length === 1) return first.name;
  throw failure("BadRequest", `a container name must be specified for pod ${name}, ${choicesOf(spec)}`);
}

function choicesOf({
  containers = [],
  initContainers = [],
  ephemeralContainers = [],
}: NonNullable<Pod["spec"]>): string {
  const named = (list: readonly Container[]) => list.map(({ name }) => name).join(" ");
  return [
    `choose one of: [${named(containers)}]`,
    ...(initContainers.length > 0 ? [`or one of the init containers: [${named(initContainers)}]`] : []),
    ...(ephemeralContainers.length > 0
      ? [`or one of the ephemeral containers: [${named(ephemeralContainers)}]`]
      : []),
  ].join(" ");
}

interface Named {
  readonly scheme: "http" | "https";
  readonly name: string;
  readonly port: string;
}

/** `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT` */
function parseName(text: string): Named {
  const parts = text.split(":");
  const [first = "", second = "", third = ""] = parts;
  if (parts.length === 3 && (first === "http" || first === "https"))
    return { scheme: first, name: second, port: third };
  if (parts.length === 3 && first === "") return { scheme: "http", name: second, port: third };
  if (parts.length > 2) throw failure("BadRequest", `invalid name ${JSON.stringify(text)}`);
  return { scheme: "http", name: first, port: second };
}

/** @throws {StatusError} `NotFound`, `BadRequest` */
export function podTarget(cache: ObjectCache, namespace: string, text: string, path: string): Target {
  const { scheme, name, port } = parseName(text);
  const pod = findPod(cache, namespace, name);
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const number = port === "" ? (ports[0]?.containerPort ?? 80) : Number(port);
  const named = ports.find((one) => one.name === port)?.containerPort;
  const { podIP = "" } = pod.status ?? {};
  if (podIP === "") throw failure("BadRequest", "address not allowed");
  return checked({ kind: scheme, host: podIP, port: named ?? number, path });
}

/** @throws {StatusError} `NotFound`, `ServiceUnavailable` when nothing stands behind it */
export function serviceTarget(
  cache: ObjectCache,
  { namespace, text, path, random }: { namespace: string; text: string; path: string; random: () => number },
): Target {
  const { scheme, name, port } = parseName(text);
  const service = cache.find<Service>("services", namespace, name);
  if (service === undefined) throw notFound({ group: "", resource: "services" }, name);
  const ports = service.spec?.ports ?? [];
  const own = port === "" ? ports[0] : ports.find((one) => one.name === port || String(one.port) === port);
  if (own === undefined)
    throw failure(
      "ServiceUnavailable",
      `no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`,
    );
  const ready = readyEndpoints(cache, { namespace, name }, own.name);
  const chosen = ready[Math.floor(random() * ready.length)];
  if (chosen === undefined)
    throw failure("ServiceUnavailable", `no endpoints available for service ${JSON.stringify(text)}`);
  return checked({ kind: scheme, ...chosen, path });
}

/** Nobody reaches the server's own machine by this. */
function checked(target: Target): Target {
  if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65_535)
    throw failure("BadRequest", `invalid port ${target.port}`);
  if (/^127\.|^169\.254\.|^0\.|^::1$|^fe80:/i.test(target.host))
    throw failure("BadRequest", "address not allowed");
  return target;
}
