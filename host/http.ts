import type * as Http from "node:http";
import type * as Https from "node:https";

// `import` of node:http evaluates all of its getters, WebSocket and fetch among them: 16 MB and 30 ms that a daemon does not need.
const http: typeof Http = process.getBuiltinModule("node:http");

export const createServer = http.createServer;
export const request = http.request;
export const Agent = http.Agent;
export const IncomingMessage = http.IncomingMessage;
export type IncomingMessage = Http.IncomingMessage;

/** The module for servers over TLS, loaded when it is first asked for. */
export function https(): typeof Https {
  return process.getBuiltinModule("node:https");
}
