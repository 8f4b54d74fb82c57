import { type Agent, request } from "node:http";
import fc from "fast-check";
import type { Route } from "./call.ts";

const STREAM_LIMIT_MS = 60;

/** Status of one request, 0 when the connection broke; streams that do not end are left by the client. */
export function send(
  agent: Agent,
  socketPath: string,
  { method, path, body, headers }: Attempt,
): Promise<{ readonly status: number; readonly url: string }> {
  const url = `${method} ${path} ${body}`;
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, agent, method, path, headers }, (response) => {
      const status = response.statusCode ?? 0;
      const timer = setTimeout(() => response.destroy(), STREAM_LIMIT_MS);
      response.resume();
      response.on("close", () => {
        clearTimeout(timer);
        resolve({ status, url });
      });
    });
    outgoing.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, url });
    });
    outgoing.on("error", () => resolve({ status: 0, url }));
    outgoing.setTimeout(1000, () => outgoing.destroy());
    outgoing.end(body);
  });
}

export interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Requests for real routes with names, parameters, bodies and headers that are right about half of the time. */
export function attempts(
  routes: readonly Pick<Route, "method" | "path">[],
  ids: readonly string[],
): fc.Arbitrary<Attempt> {
  const name = fc.oneof(
    fc.constantFrom(...ids, "one", "bb", "bridge", "nope"),
    fc.string({ maxLength: 6 }),
    fc.constantFrom("..", "%00", "%2e%2e%2f", "a/b", "%zz", "__proto__", "x".repeat(3000)),
  );
  const value = fc.oneof(
    fc.constantFrom("1", "0", "true", "x", "-1", "9".repeat(30), "all", "/tmp", "next-exit", "%00", "-"),
    fc.constantFrom(
      '{"name":["("]}',
      '{"label":{"a":true}}',
      "[]",
      '{"until":["1h"]}',
      "{",
      '{"status":["exited"]}',
    ),
    fc.string({ maxLength: 5 }),
  );
  const parameter = fc.constantFrom(
    ..."all limit size filters name platform stdin stdout stderr stream logs follow since until tail condition signal t h w".split(
      " ",
    ),
    ..."force v link path ps_args one-shot detachKeys fromImage fromSrc repo tag names type verbose digests manifests".split(
      " ",
    ),
  );
  const body = fc.oneof(
    fc.constantFrom(
      "",
      "{}",
      "[]",
      "null",
      "{",
      '{"Image":"bb","Cmd":["echo"]}',
      '{"Cmd":["cat"],"AttachStdin":true}',
    ),
    fc.json({ maxDepth: 2 }),
    fc
      .dictionary(
        fc.constantFrom(
          "Image",
          "Cmd",
          "Env",
          "HostConfig",
          "Name",
          "Container",
          "Labels",
          "Detach",
          "ExposedPorts",
        ),
        fc.jsonValue({ maxDepth: 2 }),
      )
      .map((object) => JSON.stringify(object)),
  );
  const headers = fc.record(
    {
      "Content-Type": fc.constantFrom(
        "application/json",
        "application/x-tar",
        "text/plain",
        "application/json; charset=utf-8",
      ),
      Upgrade: fc.constantFrom("tcp", "h2c", "websocket"),
      Connection: fc.constantFrom("Upgrade", "keep-alive"),
      "X-Registry-Auth": fc.constantFrom("e30=", "!!"),
      "Sec-WebSocket-Key": fc.constantFrom("x", ""),
    },
    { requiredKeys: [] },
  );
  return fc
    .record({
      route: fc.constantFrom(...routes),
      version: fc.constantFrom("", "", "/v1.24", "/v1.41", "/v1.51", "/v1.56", "/v1.57", "/v9", "/v1.x"),
      name,
      query: fc.array(fc.tuple(parameter, value), { maxLength: 4 }),
      body,
      headers,
    })
    .map(({ route, version, name: part, query, body: text, headers: given }) => ({
      method: route.method,
      path: `${version}${route.path.replace(/\{\w+\}/, () => safe(part))}?${query.map(([key, text]) => `${key}=${encodeURIComponent(text)}`).join("&")}`,
      body: route.method === "GET" || route.method === "HEAD" ? "" : text,
      headers: given,
    }));
}

/** Node's own client refuses some characters in paths; what it lets through is hostile enough. */
function safe(part: string): string {
  return part.replace(/[^\x21-\x7e]|[?#]/g, (character) =>
    encodeURIComponent(character === "?" ? "!" : character),
  );
}
