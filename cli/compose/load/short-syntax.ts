import { Fault } from "#base/fault.ts";
import { type Dict, scalarText, type Tree } from "./tree.ts";

/**
 * Parses `[[ip:]published:]target[/protocol]`, where both ports may be ranges, into one entry for each port.
 *
 * @throws {Fault} `invalid`
 */
export function parsePort(item: Tree): readonly Dict[] {
  const text = scalarText(item);
  if (text.includes("${")) return [{ target: text }];
  const [, front = "", target = "", protocol = "tcp"] = /^(?:(.*):)?([^:/]*)(?:\/(\w*))?$/.exec(text) ?? [];
  const ports = parseRange(target, `Invalid containerPort: ${target}`);
  if (target === "") throw new Fault("invalid", `No port specified: ${text}<empty>`);
  if (!["tcp", "udp", "sctp"].includes(protocol.toLowerCase()))
    throw new Fault("invalid", `Invalid proto: ${protocol}`);
  const { ip, published } = splitFront(front);
  const hostPorts = published === "" ? undefined : parseRange(published, `Invalid hostPort: ${published}`);
  if (hostPorts !== undefined && hostPorts.length !== ports.length && ports.length !== 1)
    throw new Fault(
      "invalid",
      `Invalid ranges specified for container and host Ports: ${target} and ${published}`,
    );
  return ports.map((port, at) => ({
    mode: "ingress",
    ...(ip === "" ? {} : { host_ip: ip }),
    target: port,
    ...(hostPorts === undefined
      ? {}
      : { published: hostPorts.length === ports.length ? String(hostPorts[at]) : published }),
    protocol: protocol.toLowerCase(),
  }));
}

function splitFront(front: string): { readonly ip: string; readonly published: string } {
  const [, bracketed, afterBracket] = /^\[([^\]]*)\](?::(.*))?$/.exec(front) ?? [];
  if (bracketed !== undefined) return { ip: bracketed, published: afterBracket ?? "" };
  const colon = front.lastIndexOf(":");
  if (colon < 0) return front.includes(".") ? { ip: front, published: "" } : { ip: "", published: front };
  const ip = front.slice(0, colon);
  if (ip.includes(":") && !/^[\da-f:]+$/i.test(ip)) throw new Fault("invalid", `Invalid ip address: ${ip}`);
  if (/^\d+:\d+$/.test(ip) || /^\d+$/.test(ip))
    throw new Fault("invalid", `Invalid ip address ${ip}: address ${ip}:: too many colons in address`);
  return { ip, published: front.slice(colon + 1) };
}

function parseRange(text: string, message: string): readonly number[] {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || from > 65535 || to > 65535 || to < from) throw new Fault("invalid", message);
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

const propagations = new Set(["rprivate", "private", "rshared", "shared", "rslave", "slave"]);

/**
 * Parses `[source:]target[:options]`. A source with a dot, slash or tilde in front is a path, any other a volume.
 *
 * @throws {Fault} `invalid`
 */
export function parseVolume(text: string): Dict {
  const parts = splitVolume(text);
  if (text === "" || parts.length > 3 || parts.includes(""))
    throw new Fault("invalid", `invalid spec: ${text}: empty section between colons`);
  if (parts.length === 1) return { type: "volume", target: cleanPath(parts[0] ?? ""), volume: {} };
  const [source = "", target = "", options = ""] = parts;
  const words = options === "" ? [] : options.split(",");
  const readOnly = words.includes("ro") ? { read_only: true } : {};
  if (!/^[./~]|^[A-Za-z]:\\/.test(source)) {
    const volume = words.includes("nocopy") ? { nocopy: true } : {};
    return { type: "volume", source, target: cleanPath(target), ...readOnly, volume };
  }
  const selinux = words.find((word) => word === "z" || word === "Z");
  const propagation = words.find((word) => propagations.has(word));
  const bind = {
    ...(selinux === undefined ? {} : { selinux }),
    ...(propagation === undefined ? {} : { propagation }),
    create_host_path: true,
  };
  return { type: "bind", source, target: cleanPath(target), ...readOnly, bind };
}

/** At colons, but not at those within `${…}`. */
function splitVolume(text: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    if (letter === "{") depth++;
    if (letter === "}") depth--;
    if (letter === ":" && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return path.startsWith("/") ? `/${parts.join("/")}` : parts.join("/");
}

/** Parses `source[:target[:permissions]]`. */
export function parseDevice(text: string): Dict {
  const [source = "", target = source, permissions = "rwm", ...more] = text.split(":");
  if (more.length > 0)
    throw new Fault("invalid", `confusing device mapping, please use long syntax: ${text}`);
  return { source, target, permissions };
}
