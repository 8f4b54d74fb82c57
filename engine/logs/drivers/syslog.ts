import { existsSync, readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { Fault } from "#base/fault.ts";
import type { LogInfo } from "../log-info.ts";
import { renderTag } from "../tag-template.ts";
import { type Datagrams, openUdp, UnixDatagrams } from "./datagrams.ts";
import { type DriverHost, type ForwardedRecord, type LogDriver, syslogPriority } from "./driver.ts";
import { StreamConnection } from "./stream-connection.ts";
import {
  facilityOf,
  formatOf,
  parseAddress,
  type SyslogAddress,
  type SyslogFormat,
} from "./syslog-options.ts";

const localSockets = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/**
 * Opens a connection to a syslog server.
 *
 * @throws {Fault} `unavailable` with dockerd's text when it cannot be reached
 * @see RFC 3164, RFC 5424, RFC 5425 section 4.3
 */
export async function openSyslog(info: LogInfo, host: DriverHost, signal: AbortSignal): Promise<LogDriver> {
  const { options } = info;
  const address = parseAddress(options["syslog-address"] ?? "");
  const form = {
    format: formatOf(options["syslog-format"] ?? ""),
    facility: facilityOf(options["syslog-facility"] ?? ""),
    tag: renderTag(info),
    ...host,
  };
  const headOf = syslogHead(form);
  const isCounted =
    address.kind === "host" && address.type === "tcp+tls" && form.format.startsWith("rfc5424");
  const line = (record: ForwardedRecord) => {
    const head = headOf(record);
    if (!isCounted) return [head, record.text, lineFeed];
    return [Buffer.from(`${head.length + record.text.length + 1} `), head, record.text, lineFeed];
  };
  const target = await open(address, options, signal);
  return target instanceof StreamConnection ? onStream(target, line) : onDatagrams(target, line);
}

function onStream(stream: StreamConnection, line: (record: ForwardedRecord) => readonly Buffer[]): LogDriver {
  return {
    send: (records, signal) => {
      const parts: Buffer[] = [];
      for (const record of records) if (hasText(record)) parts.push(...line(record));
      return stream.write(Buffer.concat(parts), signal);
    },
    [Symbol.asyncDispose]: async () => stream[Symbol.dispose](),
  };
}

function onDatagrams(datagrams: Datagrams, line: (record: ForwardedRecord) => readonly Buffer[]): LogDriver {
  return {
    send: async (records, signal) => {
      for (const record of records.filter(hasText)) await datagrams.send(Buffer.concat(line(record)), signal);
    },
    [Symbol.asyncDispose]: async () => datagrams[Symbol.dispose](),
  };
}

function hasText({ text }: ForwardedRecord): boolean {
  return text.length > 0;
}

async function open(
  address: SyslogAddress,
  options: LogInfo["options"],
  signal: AbortSignal,
): Promise<StreamConnection | Datagrams> {
  if (address.kind === "local") return openLocal(signal);
  if (address.kind === "host") {
    const { type, host, port } = address;
    if (type === "udp") return openUdp(host, port);
    const target = { host, port };
    const stream = new StreamConnection(
      type === "tcp" ? { type, ...target } : { type: "tls", ...target, tls: tlsOptions(options) },
    );
    await stream.open(signal);
    return stream;
  }
  if (address.type === "unixgram") return openGram(address.path);
  const stream = new StreamConnection({ type: "unix", path: address.path });
  await stream.open(signal);
  return stream;
}

function openGram(path: string): Datagrams {
  const datagrams = new UnixDatagrams(path);
  datagrams.open();
  return datagrams;
}

/** As libc's syslog(3) finds it: a datagram socket, or else a stream. */
async function openLocal(signal: AbortSignal): Promise<StreamConnection | Datagrams> {
  for (const path of localSockets.filter((candidate) => existsSync(candidate))) {
    try {
      return openGram(path);
    } catch {
      const stream = new StreamConnection({ type: "unix", path });
      const isOpen = await stream.open(signal).then(
        () => true,
        () => false,
      );
      if (isOpen) return stream;
    }
  }
  throw new Fault("unavailable", "Unix syslog delivery error");
}

function tlsOptions(options: LogInfo["options"]): ConnectionOptions {
  const [ca, cert, key] = [
    options["syslog-tls-ca-cert"],
    options["syslog-tls-cert"],
    options["syslog-tls-key"],
  ];
  return {
    ...(ca && { ca: readPem("CA certificate", ca) }),
    ...(cert && key && { cert: readPem("X509 key pair", cert), key: readPem("X509 key pair", key) }),
    // dockerd looks whether the option is there, not what it says.
    rejectUnauthorized: options["syslog-tls-skip-verify"] === undefined,
  };
}

function readPem(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    const name = JSON.stringify(path);
    throw new Fault("unavailable", `could not read ${what} ${name}: open ${path}: no such file or directory`);
  }
}

/** What stands before the text of a record. Records of one stream and time share it. */
function syslogHead(
  form: DriverHost & { readonly format: SyslogFormat; readonly facility: number; readonly tag: string },
): (record: ForwardedRecord) => Buffer {
  let last = { stream: "", time: -1n, head: Buffer.alloc(0) };
  return (record) => {
    const { stream, time } = record;
    if (last.time !== time || last.stream !== stream) {
      const priority = form.facility * 8 + syslogPriority(record);
      last = { stream, time, head: Buffer.from(`<${priority}>${originOf(time)}`) };
    }
    return last.head;
  };

  function originOf(time: bigint): string {
    const { format, tag, hostname, pid } = form;
    if (format === "unix") return `${stamp(time)} ${tag}[${pid}]: `;
    if (format === "rfc3164") return `${stamp(time)} ${hostname} ${tag}[${pid}]: `;
    return `1 ${isoTime(time, format === "rfc5424micro")} ${hostname} ${tag} ${pid} ${tag} - `;
  }
}

const lineFeed = Buffer.from("\n");
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Nov  6 13:46:39`, in the host's time zone. */
function stamp(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const day = String(date.getDate()).padStart(2, " ");
  return `${months[date.getMonth()]} ${day} ${clock(date)}`;
}

function clock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part)).join(":");
}

/** RFC 3339 in the host's time zone, with six digits of fraction on request. */
function isoTime(nanoseconds: bigint, hasFraction: boolean): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const fraction = `.${String((nanoseconds / 1000n) % 1_000_000n).padStart(6, "0")}`;
  return `${day}T${clock(date)}${hasFraction ? fraction : ""}${zone(-date.getTimezoneOffset())}`;
}

function zone(minutes: number): string {
  if (minutes === 0) return "Z";
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
