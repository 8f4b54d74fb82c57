import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { messageOf } from "#base/fault.ts";
import { instanceName, serviceNames } from "#base/instance-name.ts";
import type { Log } from "#base/log.ts";
import { type KubeClient, kubeClient } from "#client/kube/kube-client.ts";
import { pods } from "#client/kube/resources.ts";
import type { Transport } from "#client/transport.ts";
import { systemTimers } from "#host/system-timers.ts";
import { ensureDnsService } from "./dns/dns-service.ts";
import { openDns } from "./dns/open-dns.ts";
import { InformerFactory } from "./informers/informer-factory.ts";
import { openEventually } from "./open-eventually.ts";
import { type LbPool } from "./proxy/lb-pool.ts";
import { runLoadBalancers } from "./proxy/load-balancers.ts";
import { openProxy, removeProxy } from "./proxy/open-proxy.ts";
import { ServiceLink } from "./proxy/service-link.ts";

const nativeBinary = fileURLToPath(new URL("../native/build/gantry-shim", import.meta.url));

export interface ClusterNetworkOptions {
  /** Of somebody who may read services, slices and namespaces, and write services and their status. */
  readonly transport: Transport;
  /** Absolute; its instance's name is what things in the kernel are called. */
  readonly root: string;
  /** Absolute. */
  readonly run: string;
  readonly nodeName: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly dnsAddress: string;
  readonly domain: string;
  /** Of load balancers; absent: services of that type wait for somebody else. */
  readonly lbPool?: LbPool;
  /** Where the node itself serves the API for its pods; absent: it is reached by other addresses. */
  readonly api?: { readonly address: string; readonly port: number };
  readonly log: Log;
}

export interface NodeAddresses {
  /** Sets the addresses of load balancers. */
  readonly balance: (addresses: readonly string[]) => Promise<void>;
}

/**
 * The node has the addresses that it answers at for the cluster; who listens there may begin.
 *
 * @throws {Fault} `unavailable`
 */
export async function openNodeAddresses(
  options: Pick<ClusterNetworkOptions, "root" | "dnsAddress" | "api" | "serviceCidr">,
): Promise<NodeAddresses> {
  const { root, dnsAddress, api, serviceCidr } = options;
  const fixed = [dnsAddress, ...(api === undefined ? [] : [api.address])];
  const link = await ServiceLink.open(serviceNames(instanceName(root)).link, fixed, serviceCidr);
  return { balance: (addresses) => link.set([...fixed, ...addresses]) };
}

/**
 * The node's services and names: the proxy, the cluster's DNS and load balancers. What cannot be opened is logged, and tried
 * again while the API and pods are there all the same. Disposing of it leaves the rules for pods that run on; when none does, nothing
 * stays in the kernel.
 */
export async function openClusterNetwork(
  options: ClusterNetworkOptions,
  addresses: NodeAddresses,
  until: AbortSignal,
): Promise<AsyncDisposable> {
  const { transport, root, run, dnsAddress, serviceCidr, podCidr, api } = options;
  const log = options.log.with({ area: "network" });
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, until]);
  await using undo = new AsyncDisposableStack();
  const kube = kubeClient(transport, { userAgent: "kube-proxy" });
  const common = { timers: systemTimers, random: Math.random, log };
  const informers = new InformerFactory(kube, common);
  undo.defer(() => leave(options, kube, log));
  undo.defer(() => informers.ended());
  const own = new Map([
    [dnsAddress, [53]],
    ...(api === undefined ? [] : [[api.address, [api.port]] as const]),
  ]);
  const attempt = async (what: string, open: () => Promise<AsyncDisposable | Disposable | undefined>) => {
    undo.use(await openEventually(common, what, open, signal));
  };
  mkdirSync(run, { recursive: true });
  informers.start(signal);
  await attempt("the service of the cluster's DNS", async () => {
    await ensureDnsService(kube, dnsAddress, signal);
    return undefined;
  });
  const instance = instanceName(root);
  const { nodeName } = options;
  const names = { instance, runFolder: run, nativeBinary, nodeName };
  await attempt("services", () =>
    openProxy({ ...common, ...names, informers, podCidr, serviceCidr, own }, signal),
  );
  const prefixes = [serviceCidr, podCidr].map((cidr) => `${cidr.split(".").slice(0, 2).join(".")}.`);
  const resolvConf = () => readFileSync("/etc/resolv.conf", "utf8");
  const { domain, lbPool: pool } = options;
  await attempt("the cluster's DNS", () =>
    openDns({ informers, log, address: dnsAddress, domain, ownPrefixes: prefixes, resolvConf }, signal),
  );
  if (pool !== undefined) {
    const balancing = runLoadBalancers(
      { ...common, kube, informers, pool, serve: addresses.balance },
      signal,
    );
    undo.defer(() => balancing);
  }
  undo.defer(() => stop.abort()); // first of all
  const opened = undo.move();
  return { [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

const leaveMs = 3000;

async function leave(options: ClusterNetworkOptions, kube: KubeClient, log: Log): Promise<void> {
  const { root, run: runFolder, nodeName } = options;
  try {
    const fieldSelector = `spec.nodeName=${nodeName}`;
    const { items } = await kube.of(pods).list({ fieldSelector }, AbortSignal.timeout(leaveMs));
    const isOver = (phase = "") => phase === "Succeeded" || phase === "Failed";
    if (items.every(({ status }) => isOver(status?.phase)))
      await removeProxy({ instance: instanceName(root), runFolder, log });
  } catch (error) {
    log.warn("rules of services are left in the kernel", { reason: messageOf(error) });
  }
}
