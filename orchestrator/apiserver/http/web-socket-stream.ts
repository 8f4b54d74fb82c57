import { createHash } from "node:crypto";
import { failure } from "#api/kube/status.ts";
import type { Connection } from "#client/transport.ts";
import type { ApiAnswer, ApiRequest } from "../api-request.ts";

/** @see RFC 6455, 1.3 */
const handshakeId = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const [textFrame, binaryFrame, closeFrame, pingFrame, pongFrame] = [1, 2, 8, 9, 10];
const clientFrameMost = 64 << 10;

export function wantsWebSocket({ headers }: ApiRequest): boolean {
  return /\bwebsocket\b/i.test(headers["upgrade"] ?? "") && /\bupgrade\b/i.test(headers["connection"] ?? "");
}

/** A watch whose events are messages of a WebSocket: one each. What the client says but for closing is of no interest. */
export function webSocketWatch(
  request: ApiRequest,
  answer: Extract<ApiAnswer, { kind: "stream" }>,
): ApiAnswer {
  const isBinary = !String(answer.headers["content-type"]).startsWith("application/json");
  const [protocol] = protocolsOf(request);
  const messages = isBinary
    ? (value: Uint8Array) => [frame(binaryFrame, value)]
    : (value: Uint8Array) => [...linesOf(value)].map((line) => frame(textFrame, line));
  return webSocketStream(request, { protocol, body: answer.body, messages });
}

const [binaryProtocol, base64Protocol] = ["binary.k8s.io", "base64.binary.k8s.io"];

/** What a program writes, as messages of a WebSocket: as they are, or in base64 where the client asks for that protocol. */
export function webSocketOutput(
  request: ApiRequest,
  answer: Extract<ApiAnswer, { kind: "stream" }>,
): ApiAnswer {
  const protocol = protocolsOf(request).find((one) => one === binaryProtocol || one === base64Protocol);
  const messages =
    protocol === base64Protocol
      ? (value: Uint8Array) => [frame(textFrame, Buffer.from(Buffer.from(value).toString("base64")))]
      : (value: Uint8Array) => [frame(binaryFrame, value)];
  return webSocketStream(request, { protocol, body: answer.body, messages });
}

function protocolsOf({ headers }: ApiRequest): readonly string[] {
  return (headers["sec-websocket-protocol"] ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

interface Messages {
  readonly protocol: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  readonly messages: (value: Uint8Array) => readonly Buffer[];
}

function webSocketStream(request: ApiRequest, { protocol, body, messages }: Messages): ApiAnswer {
  const key = request.headers["sec-websocket-key"];
  if (key === undefined || request.headers["sec-websocket-version"] !== "13")
    throw failure("BadRequest", "this is no request for a WebSocket of version 13");
  return {
    kind: "upgrade",
    headers: {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-accept": createHash("sha1")
        .update(key + handshakeId)
        .digest("base64"),
      ...(protocol !== undefined && { "sec-websocket-protocol": protocol }),
    },
    async run(connection) {
      const values = body[Symbol.asyncIterator]();
      const listening = listen(connection).finally(() => void values.return?.());
      for (;;) {
        const { done, value } = await values.next();
        if (done === true) break;
        for (const message of messages(value)) await connection.write(message);
      }
      await connection.write(frame(closeFrame, Buffer.from([0x03, 0xe8])));
      connection.close();
      await listening;
    },
  };
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, start)) {
    yield bytes.subarray(start, at);
    start = at + 1;
  }
  if (start < bytes.length) yield bytes.subarray(start);
}

function frame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** Until the client closes. */
async function listen(connection: Connection): Promise<void> {
  let held = Buffer.alloc(0);
  for await (const chunk of connection.incoming) {
    held = Buffer.concat([held, chunk]);
    for (let found = parseFrame(held); found !== undefined; found = parseFrame(held)) {
      held = held.subarray(found.size);
      if (found.opcode === closeFrame) return;
      if (found.opcode === pingFrame) await connection.write(frame(pongFrame, found.payload));
    }
    if (held.length > clientFrameMost) return;
  }
}

interface ClientFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly size: number;
}

/** Undefined when it has not all come. */
function parseFrame(bytes: Buffer): ClientFrame | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const head = 2 + extra + (second & 0x80 ? 4 : 0);
  if (bytes.length < head) return undefined;
  const length = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < head + length) return undefined;
  const mask = bytes.subarray(head - 4, head);
  const payload = Buffer.from(bytes.subarray(head, head + length));
  if (second & 0x80)
    for (let at = 0; at < length; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0);
  return { opcode: first & 0x0f, payload, size: head + length };
}
