import { messageOf } from "#base/fault.ts";
import { serviceNames } from "#base/instance-name.ts";
import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import { endpointSlices, services } from "#client/kube/resources.ts";
import { enableForwarding, hasLink, removeLinks } from "#host/link/bridge.ts";
import { KernelWatch } from "#host/nft/kernel-watch.ts";
import { NftShell } from "#host/nft/nft-shell.ts";
import { forgetUdpFlows } from "#host/udp-flows.ts";
import type { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { ServiceProxy } from "./service-proxy.ts";
import { ServiceTable } from "./service-table.ts";

export interface ProxyDeps {
  /** The caller starts it. */
  readonly informers: InformerFactory;
  readonly timers: Timers;
  readonly log: Log;
  /** What things in the kernel are named after. */
  readonly instance: string;
  /** A folder for what nft reads; absolute. */
  readonly runFolder: string;
  /** Of the native program. */
  readonly nativeBinary: string;
  readonly nodeName: string;
  /** Where all pods of the cluster are. */
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** What the node itself serves for its pods, by address and ports; others cannot reach these addresses. */
  readonly own: ReadonlyMap<string, readonly number[]>;
}

/** Somebody who flushes again and again gets an answer, but not all of the machine. */
const repairPauseMs = 500;

/**
 * Connections to services go to their pods when it resolves, and as long as it is open they follow what changes. Disposing of it
 * leaves the rules as they are: {@link removeProxy} takes them away.
 *
 * @throws {Fault} when nft refuses the table
 */
export async function openProxy(deps: ProxyDeps, signal: AbortSignal): Promise<AsyncDisposable> {
  const { informers, timers, log, runFolder, nativeBinary, own, podCidr, serviceCidr } = deps;
  await using undo = new AsyncDisposableStack();
  const { table } = serviceNames(deps.instance);
  const nft = undo.use(new NftShell({ folder: runFolder, log }));
  const facts = { table, podCidr, serviceCidr, ownAddresses: [...own.keys()] };
  const proxy = undo.use(
    new ServiceProxy({
      services: informers.of(services),
      slices: informers.of(endpointSlices),
      table: new ServiceTable({ nft, facts, log }),
      nodeName: deps.nodeName,
      isOwn: (address, port) => own.get(address)?.includes(port) ?? false,
      forgetFlows: (flows) => forgetUdpFlows(nativeBinary, flows),
      timers,
      log,
    }),
  );
  let cancel: (() => void) | undefined;
  const restore = () => {
    cancel = undefined;
    log.warn("others changed the table of services; it is written anew");
    proxy.restore();
  };
  undo.defer(() => cancel?.());
  const watch = undo.use(
    new KernelWatch({
      binary: nativeBinary,
      log,
      onLoss({ what }) {
        if (what === "table") cancel ??= timers.after(repairPauseMs, restore);
      },
    }),
  );
  await watch.begin(table);
  enableForwarding();
  await proxy.begin(signal);
  const opened = undo.move();
  return { [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Nothing of an instance's services is left in the kernel when it resolves. */
export async function removeProxy(deps: Pick<ProxyDeps, "instance" | "runFolder" | "log">): Promise<void> {
  const { table, link } = serviceNames(deps.instance);
  await using nft = new NftShell({ folder: deps.runFolder, log: deps.log });
  await nft
    .run(`add table ip ${table}; delete table ip ${table}`)
    .catch((error: unknown) =>
      deps.log.warn("the table of services is still there", { reason: messageOf(error) }),
    );
  if (hasLink(link)) await removeLinks([link]);
}
