import { type IncomingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";

/** A whole answer. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One request on a connection of its own; for tests of the API. */
export async function ask(
  socketPath: string,
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Reply> {
  const { body } = options;
  const isRaw = typeof body === "string" || body instanceof Buffer;
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, method, path, agent: false, headers: { ...type, ...options.headers } },
      (response) => {
        buffer(response).then(
          (bytes) =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: bytes.toString("utf8"),
            }),
          reject,
        );
      },
    );
    outgoing.on("error", reject);
    if (body === undefined) outgoing.end();
    else outgoing.end(isRaw ? body : JSON.stringify(body));
  });
}

export function messageIn(reply: Reply): string {
  return (JSON.parse(reply.text) as { message: string }).message;
}

/** A connection that is written to by hand, and what came back so far. */
export interface RawConnection {
  readonly socket: Socket;
  /** Settles when the text has come; fails when the connection closes before. */
  seen(text: string): Promise<string>;
  closed: Promise<string>;
}

export function openRaw(socketPath: string): RawConnection {
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  let received = "";
  const waiting: {
    readonly text: string;
    readonly done: (all: string) => void;
    readonly fail: (e: Error) => void;
  }[] = [];
  const closed = Promise.withResolvers<string>();
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
    for (const wait of waiting) if (received.includes(wait.text)) wait.done(received);
  });
  socket.on("end", () => socket.end());
  socket.on("error", () => {});
  socket.on("close", () => {
    closed.resolve(received);
    for (const wait of waiting) wait.fail(new Error(`closed after ${JSON.stringify(received)}`));
  });
  return {
    socket,
    closed: closed.promise,
    seen: (text) =>
      new Promise((done, fail) => {
        if (received.includes(text)) done(received);
        else waiting.push({ text, done, fail });
      }),
  };
}

/** Makes a container and returns its ID. */
export async function createContainer(socketPath: string, body: object, name = ""): Promise<string> {
  const reply = await ask(socketPath, "POST", `/containers/create${name === "" ? "" : `?name=${name}`}`, {
    body: { Image: "bb", ...body },
  });
  if (reply.status !== 201) throw new Error(reply.text);
  return (JSON.parse(reply.text) as { Id: string }).Id;
}
