import type { VirDomain, VirDomainSnapshot } from "#api/hypercore/types.ts";
import type { HypercoreClient, NewVirDomain } from "#client/hypercore/hypercore-client.ts";
import { chooseSnapshot } from "./find.ts";

/** A machine's snapshots, the oldest first. */
export async function snapshotsOf(
  client: HypercoreClient,
  { uuid }: VirDomain,
  signal: AbortSignal,
): Promise<readonly VirDomainSnapshot[]> {
  const all = await client.list("VirDomainSnapshot", signal);
  return all
    .filter(({ domainUUID }) => domainUUID === uuid)
    .toSorted((a, b) => a.domain.snapshotSerialNumber - b.domain.snapshotSerialNumber);
}

/**
 * The uuid of a new machine from another one as it is, or as it was at one of its snapshots.
 *
 * @throws {Fault} `not-found` for a snapshot that there is not
 */
export async function cloneFrom(
  client: HypercoreClient,
  vm: VirDomain,
  snapshot: string | undefined,
  template: NewVirDomain,
  signal: AbortSignal,
): Promise<string> {
  if (snapshot === undefined) return await client.cloneMachine(vm.uuid, { template }, signal);
  const { uuid } = chooseSnapshot(await snapshotsOf(client, vm, signal), snapshot);
  return await client.cloneMachine(vm.uuid, { snapUUID: uuid, template }, signal);
}
