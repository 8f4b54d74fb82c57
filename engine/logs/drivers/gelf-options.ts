import { Fault } from "#base/fault.ts";

export interface GelfAddress {
  readonly type: "udp" | "tcp";
  readonly host: string;
  readonly port: number;
}

type Options = Readonly<Record<string, string>>;

/** The option `gelf-address`. @throws {Fault} `invalid` with dockerd's texts */
export function parseAddress(text: string): GelfAddress {
  if (text === "") throw new Fault("invalid", "gelf-address is a required parameter");
  const [, type, rest = ""] = /^(udp|tcp):\/\/(.*)$/.exec(text) ?? [];
  if (type !== "udp" && type !== "tcp") throw new Fault("invalid", "gelf: endpoint needs to be TCP or UDP");
  const [, host = "", port] = /^(\[[^\]]*\]|[^:/]*):(\d+)/.exec(rest) ?? [];
  if (port === undefined)
    throw new Fault("invalid", "gelf: please provide gelf-address as proto://host:port");
  return { type, host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** @throws {Fault} `invalid` with dockerd's texts */
export function validateGelf(options: Options): void {
  const { type } = parseAddress(options["gelf-address"] ?? "");
  for (const name of ["gelf-compression-type", "gelf-compression-level"]) {
    const value = options[name];
    if (value === undefined) continue;
    if (type === "tcp") throw new Fault("invalid", "compression is only supported on UDP");
    const isKnown = name.endsWith("type") ? /^(gzip|zlib|none)$/.test(value) : /^(-[12]|\d)$/.test(value);
    if (!isKnown)
      throw new Fault(
        "invalid",
        `unknown value ${JSON.stringify(value)} for log opt "${name}" for gelf log driver`,
      );
  }
  for (const name of ["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"]) {
    const value = options[name];
    if (value === undefined) continue;
    if (type === "udp") throw new Fault("invalid", `"${name}" is only valid for TCP`);
    if (!/^\d{1,9}$/.test(value)) throw new Fault("invalid", `"${name}" must be a positive integer`);
  }
}
