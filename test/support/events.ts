import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import type { EngineUnderTest } from "./engine.ts";

/** Resolves when the container has had the event so often, from its beginning on; rejects after half a minute. */
export async function untilEvent(
  engine: EngineUnderTest,
  container: string,
  action: string,
  times = 1,
): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ container: [container], event: [action] }));
  const request = http.get({
    socketPath: engine.socket,
    path: `/v1.51/events?since=1&filters=${filters}`,
    agent: false,
    signal: AbortSignal.timeout(30_000),
  });
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  let seen = 0;
  for await (const chunk of answer) {
    seen += chunk.toString().split("\n").length - 1;
    if (seen >= times) return;
  }
}
