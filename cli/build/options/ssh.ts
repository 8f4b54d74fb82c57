import { lstatSync, statSync } from "node:fs";
import { Fault } from "#base/fault.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What answers for an ID: an agent's socket, or keys that an agent has to be made for. */
export type AgentSource =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "keys"; readonly paths: readonly string[] };

/** `default|ID[=SOCKET|KEY[,KEY]]`, by ID. @throws {Fault} `invalid` with buildx's texts */
export function parseAgents(specs: readonly string[], env: Env): ReadonlyMap<string, AgentSource> {
  return new Map(specs.map((spec) => parseAgent(spec, env)));
}

function parseAgent(spec: string, env: Env): readonly [string, AgentSource] {
  const equals = spec.indexOf("=");
  const id = equals < 0 ? spec : spec.slice(0, equals);
  const paths = equals < 0 ? [] : spec.slice(equals + 1).split(",");
  const fail = (why: string) =>
    new Fault("invalid", `failed to convert agent config {${id} [${paths.join(" ")}] false}: ${why}`);
  if (paths.length === 0) {
    const socket = env["SSH_AUTH_SOCK"] ?? "";
    if (socket === "") throw fail("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
    return [id, { kind: "socket", path: socket }];
  }
  const failed = (why: string) =>
    fail(`failed to convert agent config for ID: ${JSON.stringify(id)}: ${why}`);
  const sockets = paths.filter((path) => isSocket(path, failed));
  const [socket] = sockets;
  if (socket === undefined) return [id, { kind: "keys", paths }];
  if (paths.length > 1) throw failed("only single socket allowed");
  return [id, { kind: "socket", path: socket }];
}

function isSocket(path: string, failed: (why: string) => Fault): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
    throw failed(`stat ${path}: no such file or directory`);
  return statSync(path).isSocket();
}
