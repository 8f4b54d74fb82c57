import type { PortBinding } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";

interface PortPlan {
  readonly exposed: Record<string, object>;
  readonly bindings: Record<string, PortBinding[]>;
}

/** `-p` and `--expose` as the API takes them. @throws {Fault} `invalid` with Docker's texts */
export function planPorts(publish: readonly string[], expose: readonly string[]): PortPlan {
  const plan: PortPlan = { exposed: {}, bindings: {} };
  for (const spec of publish) {
    const flat = spec.includes("=") ? fromLongForm(spec) : spec;
    for (const { port, binding } of parseSpec(flat)) {
      plan.exposed[port] = {};
      (plan.bindings[port] ??= []).push(binding);
    }
  }
  for (const spec of expose) {
    if (spec.includes(":")) throw new Fault("invalid", `invalid port format for --expose: ${spec}`);
    const [ports = "", protocol = "tcp"] = spec.split("/");
    const range = parseRange(ports);
    if (range === undefined)
      throw new Fault("invalid", `invalid range format for --expose: ${ports}, error: ${badPort(ports)}`);
    for (let port = range[0]; port <= range[1]; port++)
      plan.exposed[`${port}/${protocol.toLowerCase()}`] = {};
  }
  return plan;
}

/** `target=80,published=8080,protocol=udp` */
function fromLongForm(spec: string): string {
  const fields = Object.fromEntries(
    spec.split(",").map((field) => {
      const [key = "", ...value] = field.split("=");
      return [key.toLowerCase(), value.join("=")];
    }),
  );
  const { target = "", published, protocol = "tcp" } = fields as Readonly<Record<string, string>>;
  return `${published === undefined ? "" : `${published}:`}${target}/${protocol}`;
}

function parseSpec(spec: string): readonly { readonly port: string; readonly binding: PortBinding }[] {
  const [, head = "", protocol = "tcp"] = /^(.*?)(?:\/([^/]*))?$/.exec(spec) ?? [];
  const { address, hostPort, containerPort } = splitParts(head);
  if (containerPort === "") throw new Fault("invalid", `no port specified: ${spec}<empty>`);
  const container = parseRange(containerPort);
  if (container === undefined) throw new Fault("invalid", `invalid containerPort: ${containerPort}`);
  const host = hostPort === "" ? undefined : parseRange(hostPort);
  if (hostPort !== "" && host === undefined) throw new Fault("invalid", `invalid hostPort: ${hostPort}`);
  if (!["tcp", "udp", "sctp"].includes(protocol.toLowerCase()))
    throw new Fault("invalid", `invalid proto: ${protocol}`);
  if (address !== "" && !isAddress(address)) throw new Fault("invalid", `invalid IP address: ${address}`);
  const count = container[1] - container[0];
  if (host !== undefined && host[1] - host[0] !== count && count !== 0)
    throw new Fault(
      "invalid",
      `invalid ranges specified for container and host Ports: ${containerPort} and ${hostPort}`,
    );
  return Array.from({ length: count + 1 }, (_, offset) => ({
    port: `${container[0] + offset}/${protocol.toLowerCase()}`,
    binding: {
      HostIp: address,
      HostPort:
        host === undefined
          ? ""
          : count === 0 && host[1] !== host[0]
            ? `${host[0]}-${host[1]}`
            : String(host[0] + offset),
    },
  }));
}

function splitParts(spec: string): {
  readonly address: string;
  readonly hostPort: string;
  readonly containerPort: string;
} {
  const parts = spec.split(":");
  const containerPort = parts.pop() ?? "";
  const hostPort = parts.pop() ?? "";
  return { address: parts.join(":").replace(/^\[(.*)\]$/, "$1"), hostPort, containerPort };
}

function parseRange(text: string): readonly [number, number] | undefined {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined) return undefined;
  const range = [Number(first), Number(last ?? first)] as const;
  return range[0] <= 65535 && range[1] <= 65535 && range[0] <= range[1] ? range : undefined;
}

function badPort(text: string): string {
  return /^\d+-\d+$/.test(text) ? `invalid range specified for port: ${text}` : `invalid port: ${text}`;
}

function isAddress(text: string): boolean {
  return /^(\d{1,3}\.){3}\d{1,3}$/.test(text) || (text.includes(":") && /^[0-9a-fA-F:.]+(%\w+)?$/.test(text));
}
