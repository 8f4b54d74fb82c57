import type { GuestAgentState } from "#api/hypercore/types.ts";
import { QmpConnection } from "#hypervisor/qemu/qmp.ts";

/** What the guest says of itself. Nothing of it is to be trusted. */
export interface GuestSight {
  /** By MAC in upper case. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly mountPoints: readonly { readonly serial: string; readonly path: string }[];
}

const nothing: GuestSight = { addresses: new Map(), mountPoints: [] };
const answerMs = 3000;
const freshMs = 2000;
const maxEntries = 64;

/**
 * Talks to the QEMU guest agent of a machine, when its guest has one. It is asked only when somebody wants to know, at most once
 * in two seconds, and nobody waits for it: what it said last is told, and the next one who asks sees what it has said since.
 *
 * @see QEMU Guest Agent Protocol Reference
 */
export class GuestAgent implements Disposable {
  readonly #socket: string;
  readonly #lifetime = new AbortController();
  readonly #events: Disposable;
  #connection: QmpConnection | undefined;
  #isOpen = false;
  #sight = nothing;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #hasAnswered = false;

  /** @param monitor of the machine: it tells when the guest opens the channel */
  constructor(socket: string, monitor: QmpConnection) {
    this.#socket = socket;
    this.#events = monitor.onEvent(({ event, data }) => {
      if (event !== "VSERPORT_CHANGE") return;
      this.#isOpen = data["open"] === true;
      if (!this.#isOpen) this.#hasAnswered = false;
      this.#askedAt = Number.NEGATIVE_INFINITY;
    });
    void this.#lookIfOpen(monitor);
  }

  get state(): GuestAgentState {
    if (this.#hasAnswered) return "AVAILABLE";
    return this.#isOpen ? "UNKNOWN" : "UNAVAILABLE";
  }

  /** What is known; asks for news in the background. */
  look(): GuestSight {
    if (this.#isOpen && this.#asking === undefined && performance.now() - this.#askedAt > freshMs)
      void this.refresh();
    return this.#sight;
  }

  /** Resolves when the guest has answered, or has not in time. */
  async refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
      this.#askedAt = performance.now();
    });
    await this.#asking;
  }

  /**
   * Runs work while the guest's file systems are at rest, if its agent can see to that; otherwise without.
   *
   * @returns whether they were
   */
  async quiesced(work: () => Promise<void>): Promise<boolean> {
    const isFrozen = this.#isOpen && (await this.#tryExecute("guest-fsfreeze-freeze")) !== undefined;
    try {
      await work();
    } finally {
      if (isFrozen) await this.#tryExecute("guest-fsfreeze-thaw");
    }
    return isFrozen;
  }

  [Symbol.dispose](): void {
    this.#lifetime.abort();
    this.#events[Symbol.dispose]();
    this.#connection?.[Symbol.dispose]();
  }

  async #lookIfOpen(monitor: QmpConnection): Promise<void> {
    try {
      const chardevs = (await monitor.execute("query-chardev", {}, this.#lifetime.signal)) as readonly {
        label: string;
        "frontend-open": boolean;
      }[];
      this.#isOpen ||= chardevs.some((chardev) => chardev.label === "agent" && chardev["frontend-open"]);
    } catch {
      // The machine has ended: there is nobody to ask.
    }
  }

  async #ask(): Promise<void> {
    const interfaces = await this.#tryExecute("guest-network-get-interfaces");
    this.#hasAnswered = interfaces !== undefined;
    if (interfaces === undefined) return;
    const fileSystems = await this.#tryExecute("guest-get-fsinfo");
    this.#sight = { addresses: addressesOf(interfaces), mountPoints: mountPointsOf(fileSystems) };
  }

  async #tryExecute(command: string): Promise<unknown> {
    const signal = AbortSignal.any([this.#lifetime.signal, AbortSignal.timeout(answerMs)]);
    try {
      if (this.#connection === undefined || this.#connection.isClosed)
        this.#connection = await QmpConnection.openAgent(this.#socket, signal);
      return (await this.#connection.execute(command, {}, signal)) ?? {};
    } catch {
      // An answer that comes late must not be taken for the next one's.
      this.#connection?.[Symbol.dispose]();
      this.#connection = undefined;
      return undefined;
    }
  }
}

/** IPv4 addresses by MAC, loopback left out. */
export function addressesOf(interfaces: unknown): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const entry of listOf(interfaces)) {
    const { name, "hardware-address": mac, "ip-addresses": ips } = entry;
    if (name === "lo" || typeof mac !== "string") continue;
    const addresses = listOf(ips).flatMap((ip) => {
      const address = ip["ip-address"];
      return ip["ip-address-type"] === "ipv4" && typeof address === "string" && /^[\d.]{7,15}$/.test(address)
        ? [address]
        : [];
    });
    if (addresses.length > 0) found.set(mac.toUpperCase(), addresses);
  }
  return found;
}

function mountPointsOf(fileSystems: unknown): GuestSight["mountPoints"] {
  return listOf(fileSystems).flatMap((entry) => {
    const { mountpoint, disk } = entry;
    if (typeof mountpoint !== "string") return [];
    return listOf(disk).flatMap(({ serial }) =>
      typeof serial === "string" ? [{ serial, path: mountpoint.slice(0, 4096) }] : [],
    );
  });
}

function listOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, maxEntries)
    .filter((entry) => typeof entry === "object" && entry !== null) as Readonly<Record<string, unknown>>[];
}
