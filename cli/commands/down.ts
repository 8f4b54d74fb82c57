import { messageOf } from "#base/fault.ts";
import { type DockerClient, dockerClient } from "#client/docker-client.ts";
import { type Context, defineCommand, socketOf } from "../context.ts";
import { unlinkSocket, usualSocket } from "../instance/docker-socket.ts";
import { findDaemon, findEngine } from "../instance/pid-file.ts";
import { isAnswering } from "../instance/start-engine.ts";
import { removeNode } from "../instance/remove-node.ts";
import { stopDaemon } from "../instance/stop-daemon.ts";
import { stopHypervisor } from "../instance/stop-hypervisor.ts";
import { stopPods } from "../instance/stop-pods.ts";
import { unixTransport } from "../unix-transport.ts";

export const command = defineCommand({
  isOwn: true,
  usage: "[flags]",
  about: [
    "Stops virtual machines and the cluster if there are any, every running container and pod, then the engine. What is on disk stays.",
    "To stop only the engine and leave containers running, send it SIGTERM.",
  ].join("\n"),
  flags: {
    time: {
      kind: "number",
      short: "t",
      value: "SECONDS",
      help: "How long a container or machine may take before it is killed",
    },
  },
  operands: [0, 0],
  examples: [
    ["gantry down", "stop everything"],
    ["gantry down -t 0", "and do not wait for anybody"],
    ["kill $(cut -d' ' -f1 /run/gantry/engine.pid)", "stop the engine alone"],
  ],
  exitCodes: [
    [0, "nothing runs any more"],
    [1, "something could not be stopped"],
  ],
  async run(context, { time }) {
    const { instance, out, signal } = context;
    await stopHypervisor(context, time);
    const server = findDaemon(instance.run, "server");
    if (server !== undefined) {
      // First, or it would start again what is stopped.
      await stopDaemon("server", server, signal);
      out.write("cluster stopped\n");
    }
    const engine = findEngine(instance.run);
    if (engine === undefined) {
      unlinkSocket(usualSocket, socketOf(instance));
      out.write("engine is not running\n");
      return 0;
    }
    const client = dockerClient(unixTransport(socketOf(instance)));
    const areStopped =
      !(await isAnswering(instance, signal)) || (await stopContainers(context, client, time));
    if (!areStopped) return 1;
    const pods = await stopPods(instance, signal);
    if (pods.length > 0) out.write(`${pods.length} pod${pods.length === 1 ? "" : "s"} stopped\n`);
    if (server !== undefined || pods.length > 0) await removeNode(instance, pods);
    await stopDaemon("engine", engine, signal);
    unlinkSocket(usualSocket, socketOf(instance));
    out.write("engine stopped\n");
    return 0;
  },
});

async function stopContainers(
  { out, err, signal }: Context,
  client: DockerClient,
  timeoutS: number | undefined,
): Promise<boolean> {
  const running = await client.listContainers({ all: false }, signal);
  const stops = running.map(async ({ Id, Names }) => {
    const name = Names[0]?.slice(1) ?? Id.slice(0, 12);
    try {
      await client.stopContainer(Id, timeoutS === undefined ? {} : { timeoutS }, signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      err.write(`gantry: ${name}: ${messageOf(error)}\n`);
      return false;
    }
  });
  const results = await Promise.all(stops);
  const stopped = results.filter(Boolean).length;
  if (stopped > 0) out.write(`${stopped} container${stopped === 1 ? "" : "s"} stopped\n`);
  return stopped === running.length;
}
