import { Fault } from "#base/fault.ts";

export interface PortRange {
  readonly first: number;
  readonly last: number;
}
export type Protocol = "tcp" | "udp" | "sctp";

/**
 * Parses `80`, `80/udp` or `8000-8010/tcp`. The protocol is tcp when it is not given; its case does not matter.
 *
 * @throws {Fault} `invalid` with Docker's text
 */
export function parsePort(text: string): { readonly range: PortRange; readonly protocol: Protocol } {
  const slash = text.indexOf("/");
  const port = slash < 0 ? text : text.slice(0, slash);
  const protocol = slash < 0 ? "tcp" : text.slice(slash + 1).toLowerCase();
  const range = findRange(port);
  if (range === undefined) throw new Fault("invalid", `invalid port specification: "${text}"`);
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp")
    throw new Fault("invalid", `invalid protocol: ${protocol}`);
  return { range, protocol };
}

/**
 * A `HostPort`: empty or 0 for any, a port, or a range to pick from.
 *
 * @throws {Fault} `invalid` with Docker's text
 */
export function parseHostPort(text: string): PortRange {
  if (text === "") return { first: 0, last: 0 };
  const range = findRange(text);
  if (range === undefined) throw new Fault("invalid", `invalid port specification: "${text}"`);
  return range;
}

function findRange(text: string): PortRange | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first > last || last > 65535 ? undefined : { first, last };
}
