import type { CompletionKind } from "../flags.ts";
import type { Context } from "../context.ts";
import { listImages } from "./library.ts";
import { openHypercore } from "./open-hypercore.ts";
import { isOn } from "./power.ts";

/** Names of machines and of images in the library, for completion. Nobody is asked for a password. */
export async function machineCandidates(
  kind: Extract<CompletionKind, "machine" | "running-machine" | "stopped-machine" | "machine-image">,
  context: Context,
): Promise<readonly string[]> {
  const fromEnvironment = { api: undefined, "api-ca": undefined, "api-user": undefined };
  const { client } = await openHypercore(context, fromEnvironment, { asks: false });
  if (kind === "machine-image") return (await listImages(client, context.signal)).map(({ name }) => name);
  const vms = await client.list("VirDomain", context.signal);
  const fitting = vms.filter((vm) => kind === "machine" || isOn(vm) === (kind === "running-machine"));
  return fitting.map(({ name }) => name);
}
