import { randomBytes } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { formatTime } from "#base/time.ts";
import { extraAttributes, type LogInfo } from "../log-info.ts";
import { renderTag } from "../tag-template.ts";
import { UnixDatagrams } from "./datagrams.ts";
import { type ForwardedRecord, type LogDriver, syslogPriority } from "./driver.ts";

export const journalSocket = "/run/systemd/journal/socket";
const lineFeed = 0x0a;

/**
 * Sends to the host's journal.
 *
 * @throws {Fault} `unavailable` with dockerd's text when there is none
 * @see systemd's native journal protocol
 */
export async function openJournald(info: LogInfo, socket = journalSocket): Promise<LogDriver> {
  const datagrams = new UnixDatagrams(socket);
  const encode = entryWriter(info);
  try {
    datagrams.open();
  } catch (cause) {
    throw new Fault("unavailable", "journald is not enabled on this host", { cause });
  }
  return {
    send: async (records, signal) => {
      for (const record of records) await datagrams.send(encode(record), signal);
    },
    [Symbol.asyncDispose]: async () => datagrams[Symbol.dispose](),
  };
}

function entryWriter(info: LogInfo): (record: ForwardedRecord) => Buffer {
  const tag = renderTag(info);
  const fixed = Buffer.concat(
    [
      ["CONTAINER_ID", info.containerId.slice(0, 12)] as const,
      ["CONTAINER_ID_FULL", info.containerId] as const,
      ["CONTAINER_NAME", info.containerName] as const,
      ["CONTAINER_TAG", tag] as const,
      ["IMAGE_NAME", info.imageName] as const,
      ["SYSLOG_IDENTIFIER", tag] as const,
      ["CONTAINER_LOG_EPOCH", randomBytes(32).toString("hex")] as const,
      ...[...extraAttributes(info)].map(([name, value]) => [fieldName(name), value] as const),
    ].map(([name, value]) => field(name, Buffer.from(value))),
  );
  return (record) => {
    const parts = [
      field("PRIORITY", Buffer.from(String(syslogPriority(record)))),
      field("MESSAGE", record.text),
      fixed,
      field("SYSLOG_TIMESTAMP", Buffer.from(formatTime(record.time))),
      field("CONTAINER_LOG_ORDINAL", Buffer.from(String(record.ordinal))),
    ];
    if (record.partial !== undefined)
      parts.push(
        field("CONTAINER_PARTIAL_MESSAGE", Buffer.from("true")),
        field("CONTAINER_PARTIAL_ID", Buffer.from(record.partial.id)),
        field("CONTAINER_PARTIAL_ORDINAL", Buffer.from(String(record.partial.ordinal))),
        field("CONTAINER_PARTIAL_LAST", Buffer.from(String(record.partial.isLast))),
      );
    return Buffer.concat(parts);
  };
}

/** Upper case letters, digits and underscores; none of the latter in front. */
export function fieldName(name: string): string {
  return name
    .toUpperCase()
    .replace(/[^A-Z0-9_]/g, "_")
    .replace(/^_+/, "");
}

/** Values with line feeds have their length in front. */
function field(name: string, value: Buffer): Buffer {
  if (!value.includes(lineFeed)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from("\n")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from("\n")]);
}
