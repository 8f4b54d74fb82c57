import { Fault } from "#base/fault.ts";
import type { HypercoreClient } from "#client/hypercore/hypercore-client.ts";

/**
 * The API lets machines share a name; who looks for one by it could not tell them apart.
 *
 * @throws {Fault} `already-exists`
 */
export async function checkNameIsFree(
  client: HypercoreClient,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  if (name === "") throw new Fault("invalid", "a machine needs a name");
  const vms = await client.list("VirDomain", signal);
  if (vms.some((vm) => vm.name === name))
    throw new Fault("already-exists", `there is a machine ${name} already`);
}
