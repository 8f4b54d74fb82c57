import type { VirDomain } from "#api/hypercore/types.ts";
import type { Context } from "../context.ts";
import { findMachine } from "./find.ts";
import { type ApiValues, type Hypercore, openHypercore } from "./open-hypercore.ts";

/** The hypervisor, and the machine that an operand names. */
export async function openMachine(
  context: Context,
  values: ApiValues,
  name: string,
): Promise<Hypercore & { readonly vm: VirDomain }> {
  const hypercore = await openHypercore(context, values);
  return { ...hypercore, vm: await findMachine(hypercore.client, name, context.signal) };
}
