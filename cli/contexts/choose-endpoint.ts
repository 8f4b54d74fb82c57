import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { Exit } from "../failure.ts";
import { type Context, socketOf } from "../context.ts";
import type { Endpoint, TlsFiles } from "../transport/open-transport.ts";
import { readContext } from "./context-store.ts";

const usualSocket = "/var/run/docker.sock";
const plainPort = 2375;
const tlsPort = 2376;

/**
 * The daemon to talk to: `--host`, then `--context`, then an instance that was named, then DOCKER_HOST, DOCKER_CONTEXT, the
 * configuration's context, and at last this machine's engine: Gantry's where it has a socket, Docker's usual place otherwise.
 */
export function chooseEndpoint(context: Context): Endpoint {
  const { globals, env } = context;
  if (globals.host !== undefined && globals.context !== undefined)
    throw new Exit(1, "conflicting options: cannot specify both --host and --context");
  if (globals.host !== undefined) return endpointOf(globals.host, tlsOf(context));
  if (globals.context === undefined) {
    if (globals.run !== undefined) return { kind: "unix", path: socketOf(context.instance) };
    if (env["DOCKER_HOST"]) return endpointOf(env["DOCKER_HOST"], tlsOf(context));
  }
  const name = currentContext(context);
  if (name === "default") return ownEndpoint(context);
  const found = readContext(context, name);
  return endpointOf(found.host, found.tls);
}

/** The current context's name. */
export function currentContext({
  globals,
  env,
  config,
}: Pick<Context, "globals" | "env" | "config">): string {
  if (globals.context !== undefined) return globals.context;
  if (globals.host !== undefined || env["DOCKER_HOST"]) return "default";
  return env["DOCKER_CONTEXT"] || config().content.currentContext || "default";
}

function ownEndpoint({ instance, env }: Context): Endpoint {
  const own = socketOf(instance);
  return { kind: "unix", path: env["GANTRY_RUN"] || existsSync(own) ? own : usualSocket };
}

/** @throws {Fault} `invalid` for an address that is not understood, `not-implemented` for ssh and pipes of Windows */
export function endpointOf(address: string, tls?: TlsFiles): Endpoint {
  const [, scheme = "tcp", rest = ""] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(address.trim()) ?? [];
  if (scheme === "unix") return { kind: "unix", path: rest || usualSocket };
  if (scheme === "ssh" || scheme === "npipe" || scheme === "fd")
    throw new Fault(
      "not-implemented",
      `gantry does not connect by ${scheme}: use unix:// or tcp:// (${address})`,
    );
  if (scheme !== "tcp" && scheme !== "http" && scheme !== "https")
    throw new Fault("invalid", `invalid bind address format: ${address}`);
  const [, host = "", port] = /^(\[[^\]]*\]|[^:/]*)(?::(\d+))?\/?$/.exec(rest) ?? [];
  if (host === "" && port === undefined)
    throw new Fault("invalid", `Invalid bind address format: ${address}`);
  return {
    kind: "tcp",
    host: host.replace(/^\[|\]$/g, "") || "localhost",
    port: Number(port ?? (tls === undefined ? plainPort : tlsPort)),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** From `--tls…` and DOCKER_TLS_VERIFY; undefined for a plain connection. */
function tlsOf({ globals, env, config }: Context): TlsFiles | undefined {
  const verify = globals.tlsverify || (env["DOCKER_TLS_VERIFY"] ?? "") !== "";
  const hasFiles = [globals.tlscacert, globals.tlscert, globals.tlskey].some((path) => path !== undefined);
  if (!verify && !globals.tls && !hasFiles) return undefined;
  const folder = env["DOCKER_CERT_PATH"] || config().folder;
  const read = (given: string | undefined, usual: string, isNeeded = false) => {
    const path = given ?? join(folder, usual);
    if (given === undefined && !isNeeded && !existsSync(path)) return undefined;
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      throw new Fault("invalid", `open ${path}: no such file or directory`, { cause: error });
    }
  };
  const [ca, cert, key] = [
    read(globals.tlscacert, "ca.pem", verify),
    read(globals.tlscert, "cert.pem"),
    read(globals.tlskey, "key.pem"),
  ];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), verify };
}
