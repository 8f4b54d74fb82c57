import { once } from "node:events";
import { join, resolve } from "node:path";
import { mkdirSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { parseTcpAddress } from "#base/listen-address.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { lockFolder } from "../instance/lock.ts";
import { writePidFile } from "../instance/pid-file.ts";

const usualAddress = "127.0.0.1:6443";

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  asksNobody: true,
  usage: "[flags]",
  about: [
    "Runs a Kubernetes cluster's server in the foreground: its API, its controllers and its scheduler, and the agent that makes this",
    "machine a node. State is kept in the folder cluster/ of --root. It logs JSON lines to stderr (GANTRY_LOG=debug for more).",
    "SIGTERM and SIGINT stop the server and leave pods running; the next server finds them as they are.",
  ].join("\n"),
  flags: {
    "kube-listen": text("ADDRESS", `HOST:PORT of the Kubernetes API (default ${usualAddress})`),
    "lb-pool": text(
      "ADDRESSES",
      "Addresses for services of type LoadBalancer, ADDRESS/PREFIX or FIRST-LAST, at which this machine answers",
    ),
    "advertise-address": text("ADDRESS", "Where others reach this machine (default: its first address)"),
    "etcd-servers": text(
      "URLS",
      "Keep the state in these etcd servers, URL[,URL]; several servers may share it, which have the same cluster/pki",
    ),
    "etcd-cafile": text("FILE", "Who has signed the certificates of etcd's servers", undefined, {
      complete: "file",
    }),
    "etcd-certfile": text("FILE", "The certificate by which etcd knows this server", undefined, {
      complete: "file",
    }),
    "etcd-keyfile": text("FILE", "Its key", undefined, { complete: "file" }),
    "audit-policy-file": text(
      "FILE",
      "Which requests are written to cluster/audit/, as audit.k8s.io/v1 Policy",
      undefined,
      { complete: "file" },
    ),
    "container-runtime-endpoint": text(
      "SOCKET",
      "The node's container runtime (default: the engine's cri.sock in --run)",
    ),
    "eviction-hard": text(
      "THRESHOLDS",
      "What the node must have less of before it evicts pods, SIGNAL<AMOUNT[,…] (default memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%)",
    ),
    "disable-agent": bool("This machine is no node of the cluster"),
  },
  operands: [0, 0],
  examples: [
    ["gantry server", "serve the API on https://127.0.0.1:6443"],
    ["gantry server --kube-listen :6443", "on every address of this machine"],
    ["gantry server --kube-listen :6443 --etcd-servers http://10.0.0.5:2379", "one of several servers"],
  ],
  exitCodes: [
    [0, "stopped by a signal"],
    [1, "could not start, or another server uses the same folder"],
  ],
  async run({ instance, services, signal }, values) {
    const { "audit-policy-file": policy, "container-runtime-endpoint": runtime, "lb-pool": pool } = values;
    const evictionHard = values["eviction-hard"];
    const advertise = values["advertise-address"];
    const etcd = etcdOptions(values);
    const folder = join(instance.root, "cluster");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    using _folder = lockFolder(folder);
    await using _server = await services.openServer({
      root: instance.root,
      run: instance.run,
      logLevel: instance.logLevel,
      listen: parseTcpAddress(values["kube-listen"] ?? usualAddress, "kube-listen"),
      hasAgent: !values["disable-agent"],
      ...(advertise !== undefined && { advertise }),
      ...(evictionHard !== undefined && { evictionHard }),
      ...(etcd !== undefined && { etcd }),
      ...(policy !== undefined && { auditPolicy: resolve(policy) }),
      ...(runtime !== undefined && { criEndpoint: runtime }),
      ...(pool !== undefined && { lbPool: pool }),
    });
    // Who has started it in the background waits for this file.
    mkdirSync(instance.run, { recursive: true, mode: 0o755 });
    using _pidFile = writePidFile(instance.run, "server");
    if (!signal.aborted) await once(signal, "abort");
    return 0;
  },
});

type EtcdFlag = `etcd-${"servers" | "cafile" | "certfile" | "keyfile"}`;

function etcdOptions(values: { readonly [Flag in EtcdFlag]?: string | undefined }) {
  const { "etcd-servers": servers, "etcd-cafile": ca, "etcd-certfile": cert, "etcd-keyfile": key } = values;
  if (servers === undefined) {
    if ((ca ?? cert ?? key) === undefined) return undefined;
    throw new Fault("invalid", "--etcd-servers must be specified");
  }
  return {
    servers,
    ...(ca !== undefined && { caFile: resolve(ca) }),
    ...(cert !== undefined && { certFile: resolve(cert) }),
    ...(key !== undefined && { keyFile: resolve(key) }),
  };
}
