import { Fault } from "#base/fault.ts";

/** What the driver options of a macvlan network say. */
export interface MacvlanOptions {
  /** The interface of the host whose wire it shares; empty: one of its own that leads nowhere. */
  readonly parent: string;
  /** As the kernel numbers them. @see linux/if_link.h, enum macvlan_mode */
  readonly mode: number;
  readonly mtu: number;
}

const modes: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };

/** @throws {Fault} `invalid` with Docker's texts */
export function readMacvlanOptions(options: Readonly<Record<string, string>>): MacvlanOptions {
  const modeName = options["macvlan_mode"] ?? "";
  const mode = modes[modeName === "" ? "bridge" : modeName];
  if (mode === undefined)
    throw new Fault(
      "invalid",
      `requested macvlan mode '${modeName}' is not valid, 'bridge' mode is the macvlan driver default`,
    );
  const mtuText = options["com.docker.network.driver.mtu"] ?? "";
  if (!/^\d{0,5}$/.test(mtuText)) throw new Fault("invalid", `invalid MTU number: ${mtuText}`);
  return { parent: options["parent"] ?? "", mode, mtu: Number(mtuText) };
}

/** @throws {Fault} `invalid` with Docker's texts */
export function checkMacvlan(options: Readonly<Record<string, string>>): void {
  const { parent } = readMacvlanOptions(options);
  if (parent === "lo") throw new Fault("invalid", "loopback interface is not a valid macvlan parent link");
  if (parent !== "" && !/^[a-zA-Z0-9_][a-zA-Z0-9_.:-]{0,14}$/.test(parent))
    throw new Fault("invalid", `invalid parent interface: ${JSON.stringify(parent)}`);
}
