import type { Server, Socket } from "node:net";
import { once } from "node:events";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Service } from "#api/kube/types/core.ts";
import { parseDuration } from "#base/duration.ts";
import { messageOf } from "#base/fault.ts";
import { objectPath } from "#client/kube/kube-resource.ts";
import { pods as podResource } from "#client/kube/resources.ts";
import {
  type ForwardedPorts,
  portForwardProtocol,
  spdyPorts,
} from "#rpc/remote-command/connect-port-forward.ts";
import type { Context } from "../../context.ts";
import { list, text } from "../../flags.ts";
import { KubeFailure } from "../failure.ts";
import { findPod } from "../pods-of.ts";
import { defineKubeCommand } from "../session.ts";
import { upgrade } from "../upgrade.ts";
import { type Forwarding, podPorts, servicePorts } from "../forwarded-ports.ts";

export const portForward = defineKubeCommand({
  usage: "(POD | TYPE/NAME) [LOCAL:]REMOTE... [flags]",
  about: "Forwards ports of this machine to a pod, until it is stopped, as kubectl port-forward does.",
  flags: {
    address: list("strings", "Where to listen (default localhost)"),
    "pod-running-timeout": text("DURATION", "How long to wait for a pod (default 1m0s)"),
  },
  operands: [0, Infinity],
  complete: ["kube-object"],
  examples: [
    ["gantry port-forward svc/web 8080:80", "http://localhost:8080 is a pod of the service"],
    ["gantry port-forward pod/web-0 :80", "at any port that is free"],
  ],
  async run(context, values, [word, ...ports]) {
    const { kube, signal } = context;
    if (word === undefined || ports.length === 0)
      throw new KubeFailure(
        "error: TYPE/NAME and list of ports are required for port-forward\nSee 'gantry port-forward -h' for help and examples",
      );
    const patienceMs = parseDuration(values["pod-running-timeout"] ?? "1m") / 1e6;
    const { pod, object } = await findPod(kube, word, patienceMs, signal);
    const isService = object.kind === "Service";
    const wanted = isService ? servicePorts(ports, object as unknown as Service, pod) : podPorts(ports, pod);
    if (pod.status?.phase !== "Running")
      throw new KubeFailure(
        `error: unable to forward port because pod is not running. Current status=${pod.status?.phase}`,
      );
    const { namespace, name = "" } = pod.metadata;
    const path = objectPath(podResource, { namespace, name }, "portforward");
    const { socket } = await upgrade(kube, path, [portForwardProtocol], signal);
    using remote = spdyPorts(socket);
    await forwardAll(
      context,
      remote,
      wanted,
      values.address.length === 0 ? ["localhost"] : values.address,
      pod,
    );
    return 0;
  },
});

/** Until the command is stopped, or the pod has gone. */
async function forwardAll(
  context: Context,
  remote: ForwardedPorts,
  ports: readonly Forwarding[],
  addresses: readonly string[],
  pod: Pod,
): Promise<void> {
  const servers: Server[] = [];
  try {
    for (const port of ports) servers.push(...(await listen(context, remote, port, addresses, pod)));
    const stopped = new Promise<"stopped">((resolve) => {
      context.signal.addEventListener("abort", () => resolve("stopped"), { once: true });
    });
    const how = await Promise.race([stopped, remote.ended.then(() => "lost" as const)]);
    context.signal.throwIfAborted();
    if (how === "lost") throw new KubeFailure("error: lost connection to pod");
  } finally {
    for (const server of servers) server.close();
  }
}

/** On `localhost` it is enough to listen at one of its two addresses. */
async function listen(
  context: Context,
  remote: ForwardedPorts,
  { local, remote: port }: Forwarding,
  addresses: readonly string[],
  pod: Pod,
): Promise<readonly Server[]> {
  const servers: Server[] = [];
  const problems: string[] = [];
  const hosts = addresses.flatMap((address) => (address === "localhost" ? ["127.0.0.1", "::1"] : [address]));
  let chosen = local;
  for (const host of hosts) {
    try {
      const server = await listenAt(
        host,
        chosen,
        (socket) => void forward(context, remote, port, socket, chosen, pod),
      );
      const at = server.address();
      chosen = typeof at === "object" && at !== null ? at.port : chosen;
      const shown = host.includes(":") ? `[${host}]` : host;
      context.out.write(`Forwarding from ${shown}:${chosen} -> ${port}\n`);
      servers.push(server);
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  if (servers.length > 0) return servers;
  throw new KubeFailure(
    `Unable to listen on port ${local}: Listeners failed to create with the following errors: [${problems.join(" ")}]\nerror: unable to listen on any of the requested ports: [{${local} ${port}}]`,
  );
}

async function listenAt(host: string, port: number, accept: (socket: Socket) => void): Promise<Server> {
  const { createServer } = await import("node:net");
  const server = createServer({ allowHalfOpen: true }, accept);
  server.listen({ host, port, exclusive: true, ...(host.includes(":") && { ipv6Only: true }) });
  await once(server, "listening");
  return server;
}

async function forward(
  { out, err }: Context,
  remote: ForwardedPorts,
  port: number,
  socket: Socket,
  local: number,
  { metadata: { name } }: Pod,
): Promise<void> {
  out.write(`Handling connection for ${local}\n`);
  socket.on("error", () => socket.destroy());
  try {
    const { data, failure } = await remote.open(port);
    data.on("error", () => socket.destroy());
    socket.once("close", () => data.destroy());
    socket.pipe(data);
    data.pipe(socket);
    const problem = await failure;
    if (problem === "") return;
    err.write(`error: an error occurred forwarding ${local} -> ${port}: ${problem.trim()}\n`);
    socket.destroy();
  } catch (error) {
    err.write(
      `error: an error occurred forwarding ${local} -> ${port} in pod ${name}: ${messageOf(error)}\n`,
    );
    socket.destroy();
  }
}
