import type { VirDomain, VirDomainSnapshot } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { HypercoreClient } from "#client/hypercore/hypercore-client.ts";

/**
 * The machine of a name, a uuid or the beginning of one.
 *
 * @throws {Fault} `not-found`; `conflict` when it could be several
 */
export async function findMachine(
  client: HypercoreClient,
  name: string,
  signal: AbortSignal,
): Promise<VirDomain> {
  return chosen(await client.list("VirDomain", signal), name, (vm) => vm.name === name, "machine");
}

/**
 * A machine's snapshot by its label, its serial number, its uuid or the beginning of one.
 *
 * @throws {Fault} `not-found`; `conflict` when it could be several
 */
export function chooseSnapshot(snapshots: readonly VirDomainSnapshot[], name: string): VirDomainSnapshot {
  return chosen(
    snapshots,
    name,
    ({ label, domain }) => label === name || String(domain.snapshotSerialNumber) === name,
    "snapshot",
  );
}

/** Names come before uuids, a whole uuid before its beginning. */
export function chosen<T extends { readonly uuid: string }>(
  all: readonly T[],
  name: string,
  isNamed: (one: T) => boolean,
  what: string,
): T {
  const ways = [
    isNamed,
    ({ uuid }: T) => uuid === name,
    ({ uuid }: T) => /^[\da-f]{4}/.test(name) && uuid.startsWith(name),
  ];
  for (const way of ways) {
    const [one, ...others] = all.filter(way);
    if (one === undefined) continue;
    if (others.length === 0) return one;
    const uuids = [one, ...others].map(({ uuid }) => uuid).join(", ");
    throw new Fault("conflict", `several ${what}s are called ${name}: ${uuids}`);
  }
  throw new Fault("not-found", `there is no ${what} ${name}`);
}
