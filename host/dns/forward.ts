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
type Tell = (answer: Uint8Array | undefined) => void;

function askUdp(
  gate: NamespaceDoor,
  { address, port }: Upstream,
  question: Uint8Array,
  isRight: IsAnswer,
): Promise<Uint8Array | undefined> {
  return hear(UDP_TIMEOUT_MS, async (tell, undo) => {
    const socket = createSocket(isIPv6(address.replace(/%.*/, "")) ? "udp6" : "udp4");
    undo.defer(() => socket.close());
    socket.on("error", () => tell(undefined));
    socket.on("message", (bytes) => {
      if (isRight(bytes)) tell(bytes);
    });
    await gate.within(undefined, () => settled(socket, "connect", () => socket.connect(port, address)));
    socket.send(question);
  });
}

function askTcp(
  gate: NamespaceDoor,
  { address, port }: Upstream,
  question: Uint8Array,
  isRight: IsAnswer,
): Promise<Uint8Array | undefined> {
  return hear(TCP_TIMEOUT_MS, async (tell, undo) => {
    // The kernel makes the socket before connect() returns, with an address that needs no look-up; the answer takes its time.
    const socket = await gate.within(undefined, async () =>
      connect({ host: address, port, autoSelectFamily: false }).on("error", () => tell(undefined)),
    );
    undo.defer(() => socket.destroy());
    const reader = new FrameReader();
    socket.on("close", () => tell(undefined));
    socket.on("data", (bytes: Buffer) => {
      for (const answer of reader.push(bytes)) if (isRight(answer)) tell(answer);
    });
    socket.write(frame(question));
  });
}

/** The first that is told, within the time; undefined when asking fails. What the asking opened is closed. */
async function hear(
  timeoutMs: number,
  ask: (tell: Tell, undo: DisposableStack) => Promise<void>,
): Promise<Uint8Array | undefined> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  using undo = new DisposableStack();
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  undo.defer(() => clearTimeout(timer));
  try {
    await ask(resolve, undo);
    return await promise;
  } catch {
    return undefined;
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
