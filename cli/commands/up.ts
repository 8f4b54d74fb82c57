import { type Context, defineCommand, socketOf } from "../context.ts";
import { accessFlags, accessWords, forgetInheritedSockets, planAccess } from "../instance/access-flags.ts";
import { linkSocket, usualSocket } from "../instance/docker-socket.ts";
import { hardenInstance, planPolicy, policyFlags, policyWords } from "../instance/policy-flags.ts";
import { bridgeFlags, withBridge } from "../instance/bridge-flags.ts";
import { runtimeFlags, withRuntimes } from "../instance/runtime-flags.ts";
import { trustFlags, withTrust } from "../instance/trust-flags.ts";
import { logFlags, withLogs } from "../instance/log-flags.ts";
import { podFlags, withPods } from "../instance/pod-flags.ts";
import { registryFlags, registryWords, withRegistries } from "../instance/registry-flags.ts";
import { engineRegistryFlags, withRegistryServer } from "../instance/registry-server-flags.ts";
import { runEngine } from "../instance/run-engine.ts";
import { findDaemon } from "../instance/pid-file.ts";
import { hypervisorFlags, upHypervisor } from "../instance/start-hypervisor.ts";
import { isAnswering, startEngine } from "../instance/start-engine.ts";
import { startServer } from "../instance/start-server.ts";
import { formatElapsed } from "../output/units.ts";

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  usage: "[flags]",
  about: [
    "Starts the engine in the background and returns when it answers. Nothing happens when it runs already.",
    `Links ${usualSocket} to it when nothing else owns that, so that docker finds it by itself.`,
  ].join("\n"),
  flags: {
    foreground: { kind: "bool", help: "Stay in the foreground, as 'gantry engine' does" },
    ...logFlags,
    ...podFlags,
    cluster: {
      kind: "bool",
      help: "Start a Kubernetes cluster of this machine, too: its API, controllers, scheduler and node agent",
    },
    "kube-listen": {
      kind: "text",
      value: "ADDRESS",
      help: "HOST:PORT of the Kubernetes API (default 127.0.0.1:6443)",
    },
    ...hypervisorFlags,
    "no-link": { kind: "bool", help: `Leave ${usualSocket} alone` },
    ...accessFlags,
    ...runtimeFlags,
    ...policyFlags,
    ...bridgeFlags,
    ...trustFlags,
    ...registryFlags,
    ...engineRegistryFlags,
  },
  operands: [0, 0],
  examples: [
    ["gantry up", "start it"],
    ["gantry up --cluster", "and a Kubernetes cluster on it"],
    ["gantry up --hardened", "start it with containers that may do less"],
    ["gantry up --hypervisor", "and what runs virtual machines"],
    ["gantry up --registry", "start it with a registry on 127.0.0.1:5000"],
    ["gantry up --root /srv/g2 --run /run/g2 --bridge-cidr 10.99.0.1/16 --no-link", "a second one beside it"],
  ],
  exitCodes: [
    [0, "it answers"],
    [1, "it could not be started; the message shows the end of its log"],
  ],
  async run(given, { foreground, "no-link": noLink, cluster, "kube-listen": kubeListen, ...values }) {
    const withLogging = withLogs(withRuntimes(given, values), values);
    const withServer = withPods(withRegistryServer(withLogging, values), values);
    const context = withBridge(withRegistries(withTrust(withServer, values), values), values);
    const access = planAccess(values, foreground ? context.env : {}, process.pid);
    forgetInheritedSockets();
    const policy = planPolicy(values);
    if (foreground)
      return await runEngine(
        { ...context, instance: { ...hardenInstance(context.instance, values), access, policy } },
        async () => {
          if (!noLink) await linkSocket(usualSocket, socketOf(context.instance));
        },
      );
    const before = performance.now();
    const wasUp = await isAnswering(context.instance, context.signal);
    if (!wasUp) {
      const words = [...accessWords(values, context.env), ...policyWords(values), ...registryWords(values)];
      await startEngine(context, words);
    }
    const isLinked = !noLink && (await linkSocket(usualSocket, socketOf(context.instance)));
    const { out, instance } = context;
    const took = wasUp ? "" : ` ${out.dim(`(${formatElapsed(performance.now() - before)})`)}`;
    out.write(`engine ${wasUp ? "is already up" : out.green("up")} on ${socketOf(instance)}${took}\n`);
    if (!noLink && !isLinked) tellAddress(context);
    await tellRegistry(context);
    if (cluster) await startCluster(context, kubeListen);
    await upHypervisor(context, values);
    return 0;
  },
});

async function startCluster(context: Context, kubeListen: string | undefined): Promise<void> {
  const { out, instance } = context;
  const before = performance.now();
  const wasUp = findDaemon(instance.run, "server") !== undefined;
  await startServer(context, kubeListen === undefined ? [] : ["--kube-listen", kubeListen]);
  const took = wasUp ? "" : ` ${out.dim(`(${formatElapsed(performance.now() - before)})`)}`;
  out.write(
    `cluster ${wasUp ? "is already up" : out.green("up")}; use: export KUBECONFIG=${instance.root}/kubeconfig${took}\n`,
  );
}

/** An engine that was up already may have been started without. */
async function tellRegistry({ out, err, instance }: Context): Promise<void> {
  if (instance.registryServer === undefined) return;
  const { listen } = instance.registryServer;
  const host = listen.host === "" ? "localhost" : listen.host;
  const shown = `${host.includes(":") ? `[${host}]` : host}:${listen.port}`;
  const { isListening } = await import("../instance/registry-server-flags.ts");
  if (await isListening(host, listen.port)) out.write(`registry on ${shown}\n`);
  else
    err.write(
      `gantry: the engine was started without a registry on ${shown}: it serves one when it is started again with --registry\n`,
    );
}

function tellAddress({ out, instance }: Context): void {
  out.write(
    `${usualSocket} belongs to another daemon; use: export DOCKER_HOST=unix://${socketOf(instance)}\n`,
  );
}
