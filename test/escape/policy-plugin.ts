import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

/** An authorization plugin that lets nobody make a privileged container that is called {@link guardedName}, by what it is shown. */
export const guardedName = "guarded";

/** Opens it; `name` is what engines find it by. */
export async function openPolicyPlugin(name: string): Promise<AsyncDisposable> {
  const plugin = createServer((request, response) => {
    void text(request).then((message) => {
      if (request.url === "/Plugin.Activate") return response.end('{"Implements":["authz"]}');
      return response.end(JSON.stringify({ Allow: !isForbidden(message), Msg: "no" }));
    });
  });
  const folder = "/run/docker/plugins";
  mkdirSync(folder, { recursive: true });
  await new Promise<void>((resolve) => plugin.listen(`${folder}/${name}.sock`, resolve));
  return {
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        plugin.close(() => resolve());
        plugin.closeAllConnections();
      }),
  };
}

function isForbidden(message: string): boolean {
  const { RequestUri, RequestBody = "" } = JSON.parse(message) as {
    RequestUri: string;
    RequestBody?: string;
  };
  const body = Buffer.from(RequestBody, "base64").toString();
  return RequestUri.includes(`name=${guardedName}`) && /"Privileged":\s*true/.test(body);
}
