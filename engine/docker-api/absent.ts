import { Fault } from "#base/fault.ts";
import { json } from "./answer.ts";
import type { Handler, Route } from "./call.ts";

const notSwarm: Handler = () => {
  throw new Fault(
    "unavailable",
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
};

const notYet =
  (what: string): Handler =>
  () => {
    throw new Fault("not-implemented", `${what} is not supported yet`);
  };

const noPlugin: Handler = ({ name }) => {
  throw new Fault("not-found", `plugin "${name}" not found`);
};

const experimental: Handler = () => {
  throw new Fault(
    "not-implemented",
    "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.",
  );
};

/** What this engine does not have, answered as Docker's daemon does with the feature off. */
export const absentRoutes: readonly Route[] = [
  ...["/swarm", "/swarm/unlockkey", "/nodes", "/services", "/tasks", "/secrets", "/configs"].map(
    (path): Route => ({
      method: "GET",
      path,
      handle: notSwarm,
    }),
  ),
  {
    method: "POST",
    path: "/swarm/leave",
    handle: () => {
      throw new Fault("unavailable", "This node is not part of a swarm");
    },
  },
  {
    method: "POST",
    path: "/swarm/join",
    handle: () => {
      throw new Fault("invalid", "invalid join token");
    },
  },
  ...["init", "update", "unlock"].map(
    (action): Route => ({
      method: "POST",
      path: `/swarm/${action}`,
      handle: notSwarm,
    }),
  ),
  ...["nodes", "services", "tasks", "secrets", "configs"].flatMap((kind): readonly Route[] => [
    { method: "POST", path: `/${kind}/create`, handle: notSwarm },
    { method: "GET", path: `/${kind}/{id}`, handle: notSwarm },
    { method: "GET", path: `/${kind}/{id}/logs`, handle: notSwarm },
    { method: "POST", path: `/${kind}/{id}/update`, handle: notSwarm },
    { method: "DELETE", path: `/${kind}/{id}`, handle: notSwarm },
  ]),
  { method: "GET", path: "/containers/{id}/checkpoints", handle: experimental },
  { method: "POST", path: "/containers/{id}/checkpoints", handle: experimental },
  { method: "DELETE", path: "/containers/{id}/checkpoints/{checkpoint}", handle: experimental },
  { method: "GET", path: "/plugins", handle: () => json([]) },
  { method: "GET", path: "/plugins/privileges", handle: notYet("installing plugins") },
  { method: "POST", path: "/plugins/pull", handle: notYet("installing plugins") },
  { method: "POST", path: "/plugins/create", handle: notYet("creating plugins") },
  { method: "GET", path: "/plugins/{name}/json", handle: noPlugin },
  { method: "DELETE", path: "/plugins/{name}", handle: noPlugin },
  ...["enable", "disable", "push", "set", "upgrade"].map(
    (action): Route => ({
      method: "POST",
      path: `/plugins/{name}/${action}`,
      handle: noPlugin,
    }),
  ),
];
