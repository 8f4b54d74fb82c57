import { defineCommand } from "../context.ts";
import { accessFlags, forgetInheritedSockets, planAccess } from "../instance/access-flags.ts";
import { hardenInstance, planPolicy, policyFlags } from "../instance/policy-flags.ts";
import { bridgeFlags, withBridge } from "../instance/bridge-flags.ts";
import { runtimeFlags, withRuntimes } from "../instance/runtime-flags.ts";
import { trustFlags, withTrust } from "../instance/trust-flags.ts";
import { logFlags, withLogs } from "../instance/log-flags.ts";
import { podFlags, withPods } from "../instance/pod-flags.ts";
import { registryFlags, withRegistries } from "../instance/registry-flags.ts";
import { engineRegistryFlags, withRegistryServer } from "../instance/registry-server-flags.ts";
import { runEngine } from "../instance/run-engine.ts";

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  asksNobody: true,
  usage: "[flags]",
  about: [
    "Runs the engine in the foreground. It logs JSON lines to stderr (GANTRY_LOG=debug for more).",
    "SIGTERM and SIGINT stop the engine and leave containers running; the next engine takes them over.",
    "SIGHUP reads the certificates of --tls and --registry-tlscert and the trust policy again.",
  ].join("\n"),
  flags: {
    ...accessFlags,
    ...runtimeFlags,
    ...policyFlags,
    ...bridgeFlags,
    ...trustFlags,
    ...logFlags,
    ...podFlags,
    ...registryFlags,
    ...engineRegistryFlags,
  },
  operands: [0, 0],
  examples: [
    ["gantry engine", "serve on /run/gantry/docker.sock"],
    ["gantry engine --default-runtime runsc", "every container in a sandbox of gVisor's"],
    ["gantry engine --root /srv/g2 --run /run/g2 --bridge-cidr 10.99.0.1/16", "a second one beside it"],
    [
      "gantry engine -H tcp://:2376 --tlsverify --tlscacert ca.pem --tlscert cert.pem --tlskey key.pem",
      "serve other machines, too",
    ],
    ["gantry engine --authorization-plugin opa", "ask a plugin of Docker's protocol about every request"],
  ],
  exitCodes: [
    [0, "stopped by a signal"],
    [1, "could not start, or another engine uses the same folders"],
  ],
  async run(given, values) {
    const withLogging = withLogs(withRuntimes(given, values), values);
    const withServer = withPods(withRegistryServer(withLogging, values), values);
    const context = withBridge(withRegistries(withTrust(withServer, values), values), values);
    const access = planAccess(values, context.env, process.pid);
    forgetInheritedSockets();
    const policy = planPolicy(values);
    return await runEngine({
      ...context,
      instance: { ...hardenInstance(context.instance, values), access, policy },
    });
  },
});
