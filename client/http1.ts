import { Fault } from "#base/fault.ts";
import { ByteReader } from "./byte-reader.ts";
import type { Connection, Hijacked, Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** Opens a connection. @throws {Fault} `unavailable` when nobody answers */
export type Connect = (signal: AbortSignal) => Promise<Connection>;

interface Http1Options {
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

const encoder = new TextEncoder();
const lineEnd = encoder.encode("\r\n");
/** Of those who answer: scripts that serve leave the return out. @see RFC 9112, 2.2 */
const newline = encoder.encode("\n");
const longestHead = 256 * 1024;

/**
 * HTTP/1.1 over connections of any kind, one for each request. Uploads and answers are streams; an answer that comes before the
 * upload is read to its end counts.
 *
 * @see RFC 9112
 */
export function http1Transport(connect: Connect, options: Http1Options = {}): Transport {
  return {
    async send(request, signal) {
      const { connection, reader } = await begin(connect, request, options, signal);
      try {
        const uploaded = upload(connection, request).catch(() => {});
        const head = await readHead(reader, request);
        void uploaded;
        const body = closing(bodyOf(reader, head, request.method), connection);
        return { kind: "answer", ...head, body };
      } catch (error) {
        connection.close();
        throw error;
      }
    },
    async hijack(request, signal) {
      const upgrade = {
        ...request,
        headers: { Upgrade: "tcp", ...request.headers, Connection: "Upgrade" },
      };
      const { connection, reader } = await begin(connect, upgrade, options, signal);
      try {
        await upload(connection, request);
        const head = await readHead(reader, request);
        return taken(connection, reader, head, request);
      } catch (error) {
        connection.close();
        throw error;
      }
    },
  };
}

async function begin(
  connect: Connect,
  request: TransportRequest,
  options: Http1Options,
  signal: AbortSignal,
): Promise<{ readonly connection: Connection; readonly reader: ByteReader }> {
  signal.throwIfAborted();
  const head = encoder.encode(headOf(request, options));
  const connection = await connect(signal);
  const reader = new ByteReader(connection.incoming);
  await connection.write(head);
  return { connection, reader };
}

function taken(
  connection: Connection,
  reader: ByteReader,
  head: Head,
  request: TransportRequest,
): TransportResponse | Hijacked {
  const isRaw = head.status === 101 || (head.status === 200 && isRawStream(head));
  if (!isRaw)
    return { kind: "answer", ...head, body: closing(bodyOf(reader, head, request.method), connection) };
  return {
    kind: "hijacked",
    headers: head.headers,
    incoming: closing(reader.rest(), connection),
    write: (bytes) => connection.write(bytes),
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
  };
}

function isRawStream({ headers }: Head): boolean {
  return (
    headers["content-length"] === undefined &&
    headers["transfer-encoding"] === undefined &&
    (headers["content-type"] ?? "").startsWith("application/vnd.docker.")
  );
}

/** @throws {Fault} `invalid` for what would become a line of its own: a name, say, that somebody else has chosen */
function headOf({ method, path, headers = {}, body }: TransportRequest, options: Http1Options): string {
  const fields: Record<string, string | readonly string[]> = {
    Host: "docker",
    ...options.headers,
    ...headers,
  };
  if (fields["Connection"] === undefined) fields["Connection"] = "close";
  if (body !== undefined) {
    fields["Content-Type"] = body.type;
    const length = body.bytes instanceof Uint8Array ? body.bytes.length : body.length;
    if (length === undefined) fields["Transfer-Encoding"] = "chunked";
    else fields["Content-Length"] = String(length);
  } else if (method !== "GET" && method !== "HEAD") fields["Content-Length"] = "0";
  const lines = Object.entries(fields).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  const all = [`${method} ${path} HTTP/1.1`, ...lines];
  const wrong = all.find((line) => /[\r\n\0]/.test(line));
  if (wrong !== undefined)
    throw new Fault("invalid", `invalid header field: ${JSON.stringify(wrong.split(":")[0])}`);
  return `${all.join("\r\n")}\r\n\r\n`;
}

async function upload(connection: Connection, { body }: TransportRequest): Promise<void> {
  if (body === undefined) return;
  if (body.bytes instanceof Uint8Array) return await connection.write(body.bytes);
  for await (const chunk of body.bytes) {
    if (chunk.length === 0) continue;
    if (body.length === undefined) await connection.write(encoder.encode(`${chunk.length.toString(16)}\r\n`));
    await connection.write(chunk);
    if (body.length === undefined) await connection.write(lineEnd);
  }
  if (body.length === undefined) await connection.write(encoder.encode("0\r\n\r\n"));
}

async function readHead(reader: ByteReader, { method, path }: TransportRequest): Promise<Head> {
  for (;;) {
    const lines = await readLines(reader);
    if (lines === undefined)
      throw new Fault("unavailable", `${method} ${path}: the connection ended without an answer`);
    const head = parseHead(lines);
    if (head.status >= 200 || head.status === 101) return head;
  }
}

/** Those before the first empty one; undefined when the stream ends first. */
async function readLines(reader: ByteReader): Promise<readonly string[] | undefined> {
  const lines: string[] = [];
  for (let left = longestHead; ; ) {
    const bytes = await reader.until(newline, left);
    if (bytes === undefined) return undefined;
    left -= bytes.length;
    if (left < 0) throw new Fault("invalid", "the other side's line has no end");
    const line = new TextDecoder().decode(bytes).replace(/\r$/, "");
    if (line === "") return lines;
    lines.push(line);
  }
}

function parseHead([first = "", ...lines]: readonly string[]): Head {
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Fault("unavailable", `this is not HTTP: ${first.slice(0, 80)}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status, headers };
}

function bodyOf(reader: ByteReader, { status, headers }: Head, method: string): AsyncIterable<Uint8Array> {
  if (method === "HEAD" || status === 204 || status === 304) return nothing();
  if (/chunked/i.test(headers["transfer-encoding"] ?? "")) return chunks(reader);
  const length = headers["content-length"];
  return length === undefined ? reader.rest() : reader.exactly(Number(length));
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* chunks(reader: ByteReader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const line = await reader.until(newline, 1024);
    const size = Number.parseInt(new TextDecoder().decode(line ?? new Uint8Array()), 16);
    if (Number.isNaN(size)) throw new Fault("unavailable", "unexpected EOF");
    if (size === 0) return;
    yield* reader.exactly(size);
    await reader.until(newline, 2);
  }
}

async function* closing(
  bytes: AsyncIterable<Uint8Array>,
  connection: Connection,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } finally {
    connection.close();
  }
}
