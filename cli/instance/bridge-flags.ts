import { parseCidr6 } from "#base/cidr6.ts";
import type { BridgeIPv6 } from "#base/bridge-ipv6.ts";
import type { FlagTable, FlagValues } from "../flags.ts";

/** Flags of whatever starts an engine about the IPv6 of its default bridge; called as Docker's. */
export const bridgeFlags = {
  ipv6: { kind: "bool", help: "Give containers on the default bridge IPv6" },
  "fixed-cidr-v6": {
    kind: "text",
    value: "CIDR",
    help: "Their subnet (default one of this machine's own)",
    check: (text) => void parseCidr6(text),
  },
} as const satisfies FlagTable;

type Values = FlagValues<typeof bridgeFlags>;

/** The instance with what the flags say of its default bridge. A subnet alone switches nothing on, as with Docker. */
export function withBridge<T extends { readonly instance: { readonly bridgeIPv6?: BridgeIPv6 } }>(
  context: T,
  { ipv6, "fixed-cidr-v6": fixedCidr }: Values,
): T {
  if (!ipv6) return context;
  const bridgeIPv6 = fixedCidr === undefined ? {} : { fixedCidr };
  return { ...context, instance: { ...context.instance, bridgeIPv6 } };
}

/** The flags again, as words for another start of the program. */
export function bridgeWords({ bridgeIPv6 }: { readonly bridgeIPv6?: BridgeIPv6 }): readonly string[] {
  if (bridgeIPv6 === undefined) return [];
  const { fixedCidr } = bridgeIPv6;
  return ["--ipv6", ...(fixedCidr === undefined ? [] : [`--fixed-cidr-v6=${fixedCidr}`])];
}
