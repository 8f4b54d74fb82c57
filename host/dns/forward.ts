import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import type { EventEmitter } from "node:events";
import { connect, isIPv6 } from "node:net";
import { decodeMessage, type Message } from "./message.ts";
import type { NamespaceDoor } from "./namespace-door.ts";
import { FrameReader, frame } from "./tcp-frames.ts";

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

const UDP_TIMEOUT_MS = 2000;
const TCP_TIMEOUT_MS = 4000;

/**
 * Asks the servers, one after the other until one answers, from the host's own network. Each question goes out under a random
 * number from a random port, and only its own answer counts, so that nobody who cannot read along can forge one.
 *
 * Resolves with the answer under the client's number, or undefined when no server gave one.
 */
export async function forward(
  gate: NamespaceDoor,
  servers: readonly Upstream[],
  query: { readonly bytes: Uint8Array; readonly message: Message },
  protocol: "udp" | "tcp",
): Promise<Uint8Array | undefined> {
  const id = randomInt(0x10000);
  const question = withId(query.bytes, id);
  for (const server of servers) {
    const ask = protocol === "udp" ? askUdp : askTcp;
    const answer = await ask(gate, server, question, (bytes) => isAnswer(bytes, id, query.message));
    if (answer !== undefined) return withId(answer, query.message.id);
  }
  return undefined;
}

type IsAnswer = (bytes: Uint8Array) => boolean;

async function askUdp(
  gate: NamespaceDoor,
  { address, port }: Upstream,
  question: Uint8Array,
  isRight: IsAnswer,
): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const socket = createSocket(isIPv6(address.replace(/%.*/, "")) ? "udp6" : "udp4");
  const timer = setTimeout(() => resolve(undefined), UDP_TIMEOUT_MS);
  socket.on("error", () => resolve(undefined));
  socket.on("message", (bytes) => {
    if (isRight(bytes)) resolve(bytes);
  });
  try {
    await gate.within(undefined, () => settled(socket, "connect", () => socket.connect(port, address)));
    socket.send(question);
    return await promise;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

async function askTcp(
  gate: NamespaceDoor,
  { address, port }: Upstream,
  question: Uint8Array,
  isRight: IsAnswer,
): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const timer = setTimeout(() => resolve(undefined), TCP_TIMEOUT_MS);
  // The kernel makes the socket before connect() returns, with an address that needs no look-up; the answer takes its time.
  const socket = await gate.within(undefined, async () =>
    connect({ host: address, port, autoSelectFamily: false }).on("error", () => resolve(undefined)),
  );
  const reader = new FrameReader();
  socket.on("close", () => resolve(undefined));
  socket.on("data", (bytes: Buffer) => {
    for (const answer of reader.push(bytes)) if (isRight(answer)) resolve(answer);
  });
  socket.write(frame(question));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function isAnswer(bytes: Uint8Array, id: number, query: Message): boolean {
  const answer = decodeMessage(bytes);
  const [asked, answered] = [query.questions[0], answer?.questions[0]];
  return (
    answer?.isResponse === true &&
    answer.id === id &&
    answered?.type === asked?.type &&
    answered?.name.toLowerCase() === asked?.name.toLowerCase()
  );
}

function withId(bytes: Uint8Array, id: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[0] = id >>> 8;
  copy[1] = id & 255;
  return copy;
}

/** Resolves with the event, rejects with the error that comes before it. */
export function settled(emitter: EventEmitter, event: string, begin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(error);
    emitter.once("error", onError);
    emitter.once(event, () => {
      emitter.off("error", onError);
      resolve();
    });
    begin();
  });
}
