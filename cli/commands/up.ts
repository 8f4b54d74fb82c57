import { messageOf } from "#base/fault.ts";
import { type Context, defineCommand, socketOf } from "../context.ts";
import { accessFlags, accessWords, forgetInheritedSockets, planAccess } from "../instance/access-flags.ts";
import { linkSocket, usualSocket } from "../instance/docker-socket.ts";
import { hardenInstance, planPolicy, policyFlags, policyWords } from "../instance/policy-flags.ts";
import { bridgeFlags, withBridge } from "../instance/bridge-flags.ts";
import { clusterFlags, startCluster, wantsCluster } from "../instance/cluster-flags.ts";
import { runtimeFlags, withRuntimes } from "../instance/runtime-flags.ts";
import { trustFlags, withTrust } from "../instance/trust-flags.ts";
import { logFlags, withLogs } from "../instance/log-flags.ts";
import { podFlags, withPods } from "../instance/pod-flags.ts";
import { registryFlags, registryWords, withRegistries } from "../instance/registry-flags.ts";
import { engineRegistryFlags, withRegistryServer } from "../instance/registry-server-flags.ts";
import { runEngine } from "../instance/run-engine.ts";
import { checkHypervisorFlags, hypervisorFlags, upHypervisor } from "../instance/start-hypervisor.ts";
import { isAnswering, startEngine } from "../instance/start-engine.ts";
import { tellUp } from "../instance/tell-up.ts";

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  usage: "[flags]",
  about: [
    "Starts the engine and a Kubernetes cluster of this machine in the background and returns when both answer: the engine first.",
    "What runs already is left as it is.",
    `Links ${usualSocket} to it when nothing else owns that, so that docker finds it by itself.`,
  ].join("\n"),
  flags: {
    foreground: { kind: "bool", help: "Stay in the foreground, as 'gantry engine' does" },
    ...logFlags,
    ...podFlags,
    ...clusterFlags,
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
    ["gantry up --no-cluster", "only the engine"],
    ["gantry up --hardened", "start it with containers that may do less"],
    ["gantry up --hypervisor", "and what runs virtual machines"],
    ["gantry up --registry", "start it with a registry on 127.0.0.1:5000"],
    [
      "gantry up --root /srv/g2 --run /run/g2 --bridge-cidr 10.99.0.1/16 --no-link --no-cluster",
      "a second engine",
    ],
  ],
  exitCodes: [
    [0, "they answer"],
    [1, "one could not be started; the message shows the end of its log"],
  ],
  async run(given, { foreground, "no-link": noLink, ...values }) {
    checkHypervisorFlags(values, foreground);
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
          return wantsCluster(values) ? await tryCluster(context, values) : undefined;
        },
      );
    const before = performance.now();
    const wasUp = await isAnswering(context.instance, context.signal);
    if (!wasUp) {
      const words = [...accessWords(values, context.env), ...policyWords(values), ...registryWords(values)];
      await startEngine(context, words);
    }
    const isLinked = !noLink && (await linkSocket(usualSocket, socketOf(context.instance)));
    tellUp(context, "engine", wasUp, before, ` on ${socketOf(context.instance)}`);
    if (!noLink && !isLinked) tellAddress(context);
    await tellRegistry(context);
    try {
      if (wantsCluster(values)) await startCluster(context, values);
    } finally {
      await upHypervisor(context, values);
    }
    return 0;
  },
});

/** An engine goes on without the cluster that was to be beside it. */
async function tryCluster(
  context: Context,
  values: Parameters<typeof startCluster>[1],
): Promise<AsyncDisposable | undefined> {
  try {
    return await startCluster(context, values);
  } catch (error) {
    context.signal.throwIfAborted();
    context.err.write(`gantry: ${messageOf(error)}\n`);
    return undefined;
  }
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
