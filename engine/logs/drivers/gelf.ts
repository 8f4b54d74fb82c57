import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { Fault, messageOf } from "#base/fault.ts";
import { goJson } from "#base/go-json.ts";
import { extraAttributes, type LogInfo } from "../log-info.ts";
import { renderTag } from "../tag-template.ts";
import { openUdp } from "./datagrams.ts";
import {
  type DriverHost,
  type ForwardedRecord,
  type LogDriver,
  type RetryOptions,
  syslogPriority,
} from "./driver.ts";
import { parseAddress } from "./gelf-options.ts";
import { StreamConnection } from "./stream-connection.ts";

const chunkBytes = 1420;
const chunkHeadBytes = 12;
const mostChunks = 128;
const fastest = 1;
const end = Buffer.from([0]);

/**
 * Opens a connection to a Graylog input.
 *
 * @throws {Fault} `unavailable` with dockerd's text when it cannot be reached
 * @see GELF payload specification 1.1
 */
export async function openGelf(info: LogInfo, host: DriverHost, signal: AbortSignal): Promise<LogDriver> {
  const { type, host: name, port } = parseAddress(info.options["gelf-address"] ?? "");
  const message = messageWriter(info, host);
  try {
    if (type === "udp") return await openOnUdp(info, name, port, message);
    const stream = new StreamConnection({ type, host: name, port });
    await stream.open(signal);
    return {
      send: (records, abort) =>
        stream.write(
          Buffer.concat(records.filter(hasText).flatMap((record) => [message(record), end])),
          abort,
        ),
      [Symbol.asyncDispose]: async () => stream[Symbol.dispose](),
    };
  } catch (error) {
    throw new Fault(
      "unavailable",
      `gelf: cannot connect to GELF endpoint: ${name}:${port} ${messageOf(error)}`,
    );
  }
}

/** Only what the options ask for: by default records wait for the receiver as long as there is room on the disk. */
export function gelfRetries({ options }: LogInfo): RetryOptions {
  const [most, delayS] = [options["gelf-tcp-max-reconnect"], options["gelf-tcp-reconnect-delay"]];
  return {
    ...(most !== undefined && { maxRetries: Number(most) }),
    ...(delayS !== undefined && { waitMs: Number(delayS) * 1000 }),
  };
}

async function openOnUdp(
  { options }: LogInfo,
  host: string,
  port: number,
  message: (record: ForwardedRecord) => Buffer,
): Promise<LogDriver> {
  const datagrams = await openUdp(host, port);
  const pack = compressor(options);
  return {
    send: async (records, signal) => {
      for (const record of records.filter(hasText))
        for (const datagram of chunksOf(await pack(message(record)))) await datagrams.send(datagram, signal);
    },
    [Symbol.asyncDispose]: async () => datagrams[Symbol.dispose](),
  };
}

function compressor(options: LogInfo["options"]): (bytes: Buffer) => Promise<Buffer> {
  const level = Number(options["gelf-compression-level"] ?? fastest);
  const type = options["gelf-compression-type"] ?? "gzip";
  if (type === "none") return async (bytes) => bytes;
  const settings = { level: level < 0 ? -1 : level };
  const pack =
    type === "zlib" ? promisify<Buffer, object, Buffer>(deflate) : promisify<Buffer, object, Buffer>(gzip);
  return (bytes) => pack(bytes, settings);
}

/** A message as the datagrams it needs; none when it needs too many. */
export function chunksOf(message: Buffer): readonly Buffer[] {
  if (message.length <= chunkBytes) return [message];
  const room = chunkBytes - chunkHeadBytes;
  const count = Math.ceil(message.length / room);
  if (count > mostChunks) return [];
  const id = randomBytes(8);
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([
      Buffer.from([0x1e, 0x0f]),
      id,
      Buffer.from([index, count]),
      message.subarray(index * room, (index + 1) * room),
    ]),
  );
}

function messageWriter(info: LogInfo, { hostname }: DriverHost): (record: ForwardedRecord) => Buffer {
  const extra = new Map([
    ["_container_id", info.containerId],
    ["_container_name", info.containerName],
    ["_image_id", info.imageId],
    ["_image_name", info.imageName],
    ["_command", [info.entrypoint, ...info.args].join(" ")],
    ["_tag", renderTag(info)],
    ["_created", info.created],
    ...[...extraAttributes(info)].map(([name, value]) => [`_${name}`, value] as const),
  ]);
  const sorted = [...extra].sort(([a], [b]) => (a < b ? -1 : 1));
  const rest = sorted.map(([name, value]) => `,${jsonOf(name)}:${jsonOf(value)}`).join("");
  const start = `{"version":"1.1","host":${jsonOf(hostname)},"short_message":`;
  return (record) => {
    const seconds = Number(record.time / 1_000_000n) / 1000;
    const message = jsonOf(record.text.toString());
    return Buffer.from(`${start}${message},"timestamp":${seconds},"level":${syslogPriority(record)}${rest}}`);
  };
}

function jsonOf(text: string): string {
  return goJson(text.toWellFormed());
}

function hasText({ text }: ForwardedRecord): boolean {
  return text.length > 0;
}
