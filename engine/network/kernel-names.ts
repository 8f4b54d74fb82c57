import { createHash, randomInt } from "node:crypto";
import { Fault } from "#base/fault.ts";

/** What an instance calls its things in the kernel, so that two daemons can live side by side. */
export interface KernelNames {
  readonly defaultBridge: string;
  readonly table: string;
  /** Of the host's ends of veth pairs. */
  readonly vethPrefix: string;
}

/**
 * `gantry` gives bridge `gantry0`, table `gantry`, veths `gv…`; others have their name or a hash of it in theirs. Interface names have at most 15 bytes.
 *
 * @throws {Fault} `invalid` for anything but `gantry`, alone or with a dash and up to seven letters and digits
 */
export function kernelNames(instance: string): KernelNames {
  if (!/^gantry(-[a-z0-9]{1,7})?$/.test(instance))
    throw new Fault(
      "invalid",
      `instance name ${JSON.stringify(instance)} is not gantry or gantry-…, which are no words of nft`,
    );
  const digest = createHash("sha256").update(instance).digest("hex");
  return {
    defaultBridge: `${instance}0`,
    table: instance.replaceAll("-", "_"),
    vethPrefix: instance === "gantry" ? "gv" : `gv${digest.slice(0, 4)}`,
  };
}

/** A name that no other interface is likely to have. Whoever makes the interface has to cope with the kernel's refusal. */
export function vethName(names: KernelNames): string {
  return (
    names.vethPrefix +
    randomInt(36 ** 7)
      .toString(36)
      .padStart(7, "0")
  );
}

/** Whether {@link vethName} could have given it. */
export function isVethName({ vethPrefix }: KernelNames, name: string): boolean {
  return name.startsWith(vethPrefix) && /^[0-9a-z]{7}$/.test(name.slice(vethPrefix.length));
}

/** The same at every start: clients may keep it. */
export function predefinedId(instance: string, network: string): string {
  return createHash("sha256").update(`${instance}/${network}`).digest("hex");
}

/** As Docker names them. */
export function bridgeOf(networkId: string): string {
  return `br-${networkId.slice(0, 12)}`;
}

/** The /48 of unique local addresses that default IPv6 subnets come from: another one on every machine. @see RFC 4193 section 3 */
export function localPrefixOf(
  instance: string,
  machineId: string,
): { readonly base: bigint; readonly prefix: number } {
  const digest = createHash("sha256").update(`${machineId}/${instance}`).digest("hex");
  return { base: BigInt(`0xfd${digest.slice(0, 10)}`) << 80n, prefix: 48 };
}
