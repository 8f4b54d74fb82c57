import { connect } from "node:net";
import { sleep } from "#base/timers.ts";
import { systemTimers } from "#host/system-timers.ts";

/** How a port answered. */
export interface PortAnswer {
  /** Of HTTP; undefined for what speaks something else. */
  readonly status?: number;
}

const lookMs = 300;
const connectMs = 2000;
const silentMs = 3000;

/**
 * Resolves once something answers on a port: to HTTP, with any status, or else by speaking, or by staying silent for three seconds
 * with the connection open. A connection that is taken and dropped is a port without anybody behind it yet.
 */
export async function awaitAnswer(host: string, port: number, signal: AbortSignal): Promise<PortAnswer> {
  for (;;) {
    const answer = await ask(host, port, signal);
    if (answer !== undefined) return answer;
    await sleep(systemTimers, lookMs, signal);
  }
}

async function ask(host: string, port: number, signal: AbortSignal): Promise<PortAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<PortAnswer | undefined>();
  const socket = connect({ host, port, signal });
  let text = "";
  socket.setTimeout(connectMs, () => resolve(socket.connecting ? undefined : {}));
  socket.once("connect", () => {
    socket.setTimeout(silentMs);
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nUser-Agent: gantry\r\nConnection: close\r\n\r\n`,
    );
  });
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
    const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(text) ?? [];
    if (status !== undefined) resolve({ status: Number(status) });
    else if (text.length >= "HTTP/1.1 200".length || !"HTTP/1.".startsWith(text.slice(0, 7))) resolve({});
  });
  socket.once("error", () => resolve(undefined));
  socket.once("close", () => resolve(undefined));
  try {
    return await promise;
  } finally {
    socket.destroy();
    signal.throwIfAborted();
  }
}
