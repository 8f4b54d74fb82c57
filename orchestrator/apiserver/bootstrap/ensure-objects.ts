import type { Log } from "#base/log.ts";
import type { Transport } from "#client/transport.ts";
import { readText } from "#client/streams.ts";
import type { BootstrapObject } from "./bootstrap-objects.ts";

/** Says where the API is, which may be elsewhere after a restart. */
const follows = new Set(["Endpoints", "EndpointSlice"]);

/** Makes what is not there yet, through the API as everybody else does. May be repeated. */
export async function ensureObjects(
  transport: Transport,
  objects: readonly BootstrapObject[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for (const { path, object } of objects) {
    const bytes = Buffer.from(JSON.stringify(object));
    const body = { type: "application/json", bytes };
    const headers = { "user-agent": "gantry-server" };
    const made = await transport.send({ method: "POST", path, headers, body }, signal);
    const text = await readText(made.body);
    if (made.status === 201) continue;
    if (made.status === 409 && !follows.has(String(object["kind"]))) continue;
    if (made.status === 409) {
      const own = `${path}/${object.metadata.name}`;
      const put = await transport.send({ method: "PUT", path: own, headers, body }, signal);
      const answer = await readText(put.body);
      if (put.status === 200) continue;
      log.warn("an object of the cluster's own was not brought up to date", { path: own, answer });
      continue;
    }
    log.warn("an object of the cluster's own was not made", {
      path,
      name: object.metadata.name,
      answer: text,
    });
  }
}
