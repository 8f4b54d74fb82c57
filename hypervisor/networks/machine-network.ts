import { join } from "node:path";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { enableForwarding, hasLink } from "#host/link/bridge.ts";
import { NftShell } from "#host/nft/nft-shell.ts";
import { DhcpServer } from "./dhcp.ts";
import { ensureTranslation, removeTranslation } from "./translation.ts";
import type { VirtualNetworks } from "./virtual-networks.ts";

export interface NetworkPlace {
  /** The instance's, which its table in the kernel is named after. */
  readonly name: string;
  /** Of the host, with the network's prefix length. */
  readonly cidr: string;
  /** For what survives a reboot, and for what does not. */
  readonly folder: string;
  readonly run: string;
}

/** The network that machines reach the world by. A host that cannot have it has machines without it. */
export async function openNetwork(
  networks: VirtualNetworks,
  place: NetworkPlace,
  log: Log,
): Promise<AsyncDisposable> {
  const undo = new AsyncDisposableStack();
  try {
    const bridge = await networks.ensureBridge(0);
    enableForwarding();
    await using nft = new NftShell({ folder: place.run, log });
    await ensureTranslation(nft, `${place.name}-vms`, bridge, place.cidr);
    const dhcp = undo.use(
      new DhcpServer(
        { bridge, cidr: place.cidr, folder: join(place.folder, "dhcp"), runFolder: join(place.run, "dhcp") },
        log,
      ),
    );
    dhcp.start();
  } catch (error) {
    log.error("machines have no network", { error: messageOf(error) });
  }
  return undo;
}

/** Removes what none of these NICs uses; what one does, the next daemon finds. */
export async function leaveNetworks(
  networks: VirtualNetworks,
  nics: ReadonlySet<string>,
  place: Pick<NetworkPlace, "name" | "run">,
  log: Log,
): Promise<void> {
  try {
    await networks.collect(nics);
    if (hasLink(networks.bridgeOf(0))) return;
    await using nft = new NftShell({ folder: place.run, log });
    await removeTranslation(nft, `${place.name}-vms`);
  } catch (error) {
    log.warn("networks of machines stay behind", { error: messageOf(error) });
  }
}
