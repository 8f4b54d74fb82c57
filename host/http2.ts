import type * as Http2 from "node:http2";

/** The module, loaded when it is first asked for: most engines never need it. */
export function http2(): typeof Http2 {
  return process.getBuiltinModule("node:http2");
}

export type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream } from "node:http2";
