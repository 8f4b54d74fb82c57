import type { Duplex, Transform } from "node:stream";
import { DetachKeys } from "./detach-keys.ts";

/**
 * Joins a client to a container's streams until the container's output ends, the client leaves, or the detach keys come.
 * The client's end of input is passed on as such and does not end the output.
 *
 * @param options.output what the container's output goes through on its way
 * @param options.ended what the client waits for besides the end of the output: the exit code that it will ask for next
 * @returns "detached" when the keys came, "ended" otherwise
 */
export async function joinStreams(
  client: Duplex,
  shim: Duplex,
  options: {
    readonly stdin: boolean;
    readonly detachKeys?: Buffer;
    readonly output?: Transform;
    readonly ended?: Promise<void>;
  },
): Promise<"ended" | "detached"> {
  const { promise, resolve } = Promise.withResolvers<"ended" | "left" | "detached">();
  client.on("error", () => {}); // `close` follows
  shim.on("error", () => {});
  client.on("close", () => resolve("left"));
  if (client.destroyed) resolve("left"); // while the container's streams were being opened
  const output = options.output === undefined ? shim : shim.pipe(options.output);
  shim.on("close", () => (output === shim ? resolve("ended") : options.output?.end()));
  output.on("end", () => resolve("ended"));
  if (!options.stdin) client.resume();
  else if (options.detachKeys === undefined) client.pipe(shim);
  else client.pipe(new DetachKeys(options.detachKeys, () => resolve("detached"))).pipe(shim);
  output.pipe(client, { end: false });
  const how = await promise;
  if (how === "ended") await options.ended;
  shim.destroy();
  client.end();
  return how === "detached" ? "detached" : "ended";
}
