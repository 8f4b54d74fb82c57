import { isIPv4 } from "node:net";
import { Fault } from "#base/fault.ts";
import type { Context } from "../context.ts";
import type { FlagTable, FlagValues } from "../flags.ts";

/** Flags of whatever starts an engine about the pods that it runs by the CRI. */
export const podFlags = {
  "cluster-cidr": {
    kind: "text",
    value: "CIDR",
    help: "Where all pods of the cluster are: they see each other by their own addresses (default 10.244.0.0/16)",
  },
} as const satisfies FlagTable;

/** @throws {Fault} `invalid` */
export function withPods(context: Context, values: FlagValues<typeof podFlags>): Context {
  const clusterCidr = values["cluster-cidr"];
  if (clusterCidr === undefined) return context;
  if (!isCidr(clusterCidr))
    throw new Fault("invalid", `invalid --cluster-cidr: ${clusterCidr} is no address with a prefix length`);
  return { ...context, instance: { ...context.instance, clusterCidr } };
}

function isCidr(text: string): boolean {
  const [address = "", prefix = "", ...rest] = text.split("/");
  return rest.length === 0 && isIPv4(address) && /^\d{1,2}$/.test(prefix) && Number(prefix) <= 32;
}

/** The same as words, for an engine in the background. */
export function podWords({ clusterCidr }: { readonly clusterCidr?: string }): readonly string[] {
  return clusterCidr === undefined ? [] : [`--cluster-cidr=${clusterCidr}`];
}
