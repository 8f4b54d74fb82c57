import { Fault } from "#base/fault.ts";

export type SyslogAddress =
  | { readonly kind: "local" }
  | { readonly kind: "path"; readonly type: "unix" | "unixgram"; readonly path: string }
  | {
      readonly kind: "host";
      readonly type: "udp" | "tcp" | "tcp+tls";
      readonly host: string;
      readonly port: number;
    };

export type SyslogFormat = "unix" | "rfc3164" | "rfc5424" | "rfc5424micro";

const standardPort = 514;

/** The option `syslog-address`; empty means this host's own. @throws {Fault} `invalid` with dockerd's texts */
export function parseAddress(text: string): SyslogAddress {
  if (text === "") return { kind: "local" };
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  if (scheme === "unix" || scheme === "unixgram") return { kind: "path", type: scheme, path: rest };
  if (scheme !== "udp" && scheme !== "tcp" && scheme !== "tcp+tls")
    throw new Fault("invalid", `unsupported scheme: '${scheme}'`);
  const [, host = "", port] = /^(\[[^\]]*\]|[^:/]*)(?::(\d+))?/.exec(rest) ?? [];
  return {
    kind: "host",
    type: scheme,
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port ?? standardPort),
  };
}

const facilities = [
  "kern",
  "user",
  "mail",
  "daemon",
  "auth",
  "syslog",
  "lpr",
  "news",
  "uucp",
  "cron",
  "authpriv",
  "ftp",
];
const firstLocal = 16;

/** A name or a number from 0 to 23; empty means daemon. @throws {Fault} `invalid` */
export function facilityOf(text: string): number {
  if (text === "") return facilities.indexOf("daemon");
  if (/^\d{1,2}$/.test(text) && Number(text) <= 23) return Number(text);
  const local = /^local([0-7])$/.exec(text)?.[1];
  if (local !== undefined) return firstLocal + Number(local);
  const number = facilities.indexOf(text);
  if (number < 0) throw new Fault("invalid", "invalid syslog facility");
  return number;
}

/** @throws {Fault} `invalid` */
export function formatOf(text: string): SyslogFormat {
  if (text === "") return "unix";
  if (text === "rfc3164" || text === "rfc5424" || text === "rfc5424micro") return text;
  throw new Fault("invalid", "Invalid syslog format");
}
