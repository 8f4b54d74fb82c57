import { randomBytes } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { parseBool, parseDurationMs } from "../go-values.ts";
import { extraAttributes, type LogInfo } from "../log-info.ts";
import { renderTag } from "../tag-template.ts";
import type { ForwardedRecord, LogDriver, RetryOptions } from "./driver.ts";
import { parseAddress } from "./fluentd-options.ts";
import { type Packable, pack } from "./msgpack.ts";
import { StreamConnection, type StreamTarget } from "./stream-connection.ts";

/** How long an acknowledgement may take. */
const ackTimeoutMs = 30_000;

/**
 * Opens a connection to a fluentd; with `fluentd-async` only when there is something to send.
 *
 * @throws {Fault} `unavailable` with Go's text when it cannot be reached
 * @see Fluentd Forward Protocol Specification v1, Message Modes
 */
export async function openFluentd(info: LogInfo, signal: AbortSignal): Promise<LogDriver> {
  const { options } = info;
  const acks = isSet(options, "fluentd-request-ack") ? new Acknowledgements() : undefined;
  const stream = new StreamConnection(targetOf(options), acks && ((bytes) => acks.take(bytes)));
  const encode = messageWriter(info);
  if (!isSet(options, "fluentd-async")) await stream.open(signal);
  return {
    send: async (records, abort) => {
      const chunks = records.map(() => (acks === undefined ? undefined : randomBytes(12).toString("base64")));
      const deadline = acks && AbortSignal.any([abort, AbortSignal.timeout(ackTimeoutMs)]);
      const acknowledged = acks?.expect(
        chunks.filter((chunk) => chunk !== undefined),
        deadline ?? abort,
      );
      acknowledged?.catch(() => undefined); // looked at below, unless the write fails before
      await stream.write(Buffer.concat(records.map((record, at) => encode(record, chunks[at]))), abort);
      await acknowledged;
    },
    [Symbol.asyncDispose]: async () => stream[Symbol.dispose](),
  };
}

/** Only what the options ask for: by default records wait for the receiver as long as there is room on the disk. */
export function fluentdRetries({ options }: LogInfo): RetryOptions {
  const [most, wait] = [options["fluentd-max-retries"], options["fluentd-retry-wait"]];
  return {
    ...(most && { maxRetries: Number(most) }),
    ...(wait && { waitMs: parseDurationMs(wait) }),
  };
}

function targetOf(options: LogInfo["options"]): StreamTarget {
  const address = parseAddress(options["fluentd-address"] ?? "");
  if (address.type === "unix") return address;
  const { type, host, port } = address;
  return type === "tcp" ? { type, host, port } : { type: "tls", host, port, tls: {} };
}

function isSet(options: LogInfo["options"], name: string): boolean {
  const value = options[name];
  return value !== undefined && value !== "" && parseBool(value);
}

function messageWriter(info: LogInfo): (record: ForwardedRecord, chunk: string | undefined) => Buffer {
  const tag = renderTag(info);
  const extra = extraAttributes(info);
  const hasFraction = isSet(info.options, "fluentd-sub-second-precision");
  return (record, chunk) => {
    const seconds = Number(record.time / 1_000_000_000n);
    const nanoseconds = Number(record.time % 1_000_000_000n);
    const data = new Map<string, Packable>([
      ["container_id", info.containerId],
      ["container_name", `/${info.containerName}`],
      ["source", record.stream],
      ["log", record.text],
      ...extra,
    ]);
    if (record.partial !== undefined) {
      data.set("partial_message", "true");
      data.set("partial_id", record.partial.id);
      data.set("partial_ordinal", String(record.partial.ordinal));
      data.set("partial_last", String(record.partial.isLast));
    }
    const option = new Map(chunk === undefined ? [] : [["chunk", chunk]]);
    return pack([tag, hasFraction ? { seconds, nanoseconds } : seconds, data, option]);
  };
}

const ackHead = Buffer.from("\x81\xa3ack", "latin1");
const longestAnswer = 1024 * 1024;

/** Reads `{"ack": chunk}` after `{"ack": chunk}`. */
class Acknowledgements {
  #pending = new Set<string>();
  #done = Promise.withResolvers<void>();
  #rest: Buffer = Buffer.alloc(0);

  /** Settles when all of them have come. */
  async expect(chunks: readonly string[], signal: AbortSignal): Promise<void> {
    this.#pending = new Set(chunks);
    this.#done = Promise.withResolvers();
    this.#rest = Buffer.alloc(0);
    const done = this.#done;
    const abort = () => done.reject(new Fault("unavailable", "no acknowledgement came"));
    signal.addEventListener("abort", abort, { once: true });
    try {
      await done.promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let at = this.#rest.indexOf(ackHead); at >= 0; at = this.#rest.indexOf(ackHead)) {
      const text = textAt(this.#rest, at + ackHead.length);
      if (text === undefined) break;
      this.#pending.delete(text.value);
      this.#rest = this.#rest.subarray(text.end);
    }
    if (this.#rest.length > longestAnswer) this.#rest = Buffer.alloc(0);
    if (this.#pending.size === 0) this.#done.resolve();
  }
}

function textAt(bytes: Buffer, at: number): { readonly value: string; readonly end: number } | undefined {
  const kind = bytes[at];
  if (kind === undefined) return undefined;
  const isShort = kind >= 0xa0 && kind <= 0xbf;
  const start = at + (isShort ? 1 : 2);
  const end = start + (isShort ? kind & 31 : (bytes[at + 1] ?? longestAnswer));
  return end > bytes.length ? undefined : { value: bytes.toString("utf8", start, end), end };
}
