import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { HijackAnswer } from "./answer.ts";
import type { Call, Route } from "./call.ts";

/** A build whose files are in a session, in the words of BuildKit's Dockerfile front end. */
export interface SolveOrder {
  readonly ref: string;
  readonly session: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly exporters: readonly { readonly type: string; readonly attrs: ReadonlyMap<string, string> }[];
}

/** BuildKit's protocol, on connections that are taken over from the API. */
export interface BuildKitConnections {
  serveControl(socket: Duplex, signal: AbortSignal): Promise<void>;
  /** @throws {Fault} when these headers make no session */
  checkSession(headers: IncomingHttpHeaders): void;
  serveSession(socket: Duplex, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<void>;
  /** Calls in both directions on one connection. @see rpc/frame-link.ts */
  serveLink(socket: Duplex, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<void>;
  /** The image's ID, undefined when none was asked for. @param send gets encoded moby.buildkit.v1.StatusResponse messages */
  build(
    order: SolveOrder,
    send: (status: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<string | undefined>;
}

export interface BuildKitRouteDeps {
  /** Loaded when it is first asked for. */
  readonly buildkit: () => Promise<BuildKitConnections>;
}

/** By which programs of ours ask for plain frames. */
const linkProtocol = "gantry-rpc";
const sessionHeader = "x-docker-expose-session-uuid";

/** @see Docker Engine API v1.51, POST /session, /grpc */
export function buildkitRoutes({ buildkit }: BuildKitRouteDeps): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/grpc",
      handle: async (call) => {
        const isLink = call.headers.upgrade === linkProtocol;
        if (!isLink) checkUpgrade(call);
        const service = await buildkit();
        if (!isLink) return takeOver("h2c", (client) => service.serveControl(client, call.lifetime));
        if (call.headers[sessionHeader] !== undefined) service.checkSession(call.headers);
        return takeOver(linkProtocol, (client) => service.serveLink(client, call.headers, call.lifetime));
      },
    },
    {
      method: "POST",
      path: "/session",
      handle: async (call) => {
        checkUpgrade(call);
        const service = await buildkit();
        service.checkSession(call.headers);
        return takeOver("h2c", (client) => service.serveSession(client, call.headers, call.lifetime));
      },
    },
  ];
}

function checkUpgrade({ headers: { upgrade } }: Call): void {
  if (upgrade === undefined) throw new Fault("invalid", "no upgrade proto in request");
  if (upgrade !== "h2c") throw new Fault("invalid", `protocol ${upgrade.slice(0, 100)} not supported`);
}

function takeOver(protocol: HijackAnswer["protocol"], run: (client: Duplex) => Promise<void>): HijackAnswer {
  return {
    kind: "hijack",
    protocol,
    isFramed: false,
    type: "",
    repeatsHeaders: false,
    run,
    cancel: () => {},
  };
}
