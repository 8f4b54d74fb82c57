import { Fault } from "#base/fault.ts";
import { acceptSpdyCommand } from "./spdy-streams.ts";
import type { RemoteStreams, WantedStreams } from "./streams.ts";
import { isSpdy, isWebSocket, refuseUpgrade, type UpgradeRequest } from "./upgrade.ts";
import { acceptWebSocketCommand } from "./websocket-streams.ts";

/**
 * Takes a client's request to run or attach to a command, by SPDY/3.1 or WebSocket, in any version of the protocol.
 *
 * @throws {Fault} `invalid`, `unavailable` when it does not come to that; the client has been told then
 * @see Kubernetes, k8s.io/apimachinery pkg/util/remotecommand
 */
export async function acceptCommand(upgrade: UpgradeRequest, wanted: WantedStreams): Promise<RemoteStreams> {
  if (isWebSocket(upgrade.request)) return acceptWebSocketCommand(upgrade, wanted);
  if (isSpdy(upgrade.request)) return acceptSpdyCommand(upgrade, wanted);
  refuseUpgrade(upgrade.socket, "400 Bad Request", "unable to upgrade: neither SPDY/3.1 nor WebSocket");
  throw new Fault("invalid", "neither SPDY/3.1 nor WebSocket");
}
