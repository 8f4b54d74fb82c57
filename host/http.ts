import type * as Http from "node:http";

// `import` of node:http evaluates all of its getters, WebSocket and fetch among them: 16 MB and 30 ms that a daemon does not need.
const http: typeof Http = process.getBuiltinModule("node:http");

export const createServer = http.createServer;
export const IncomingMessage = http.IncomingMessage;
export type IncomingMessage = Http.IncomingMessage;
