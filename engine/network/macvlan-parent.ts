import { Fault } from "#base/fault.ts";
import { addLinks, hasLink, removeLinks } from "#host/link/bridge.ts";
import type { MacvlanOptions } from "./macvlan-options.ts";
import type { NetworkRecord } from "./networks.ts";

/** Without a parent of the host's, containers share one end of a veth pair of the network's own, whose other end is nobody's. */
function ownParent({ id }: NetworkRecord): readonly [string, string] {
  return [`dm-${id.slice(0, 12)}`, `dn-${id.slice(0, 12)}`];
}

/** `eth0.10` can be made of `eth0`. */
const vlan = /^([^.]+)\.(\d{1,4})$/;

/**
 * The interface that the network's macvlan interfaces hang on; makes it where that is ours to do.
 *
 * @throws {Fault} `invalid`, with Docker's text, for a parent that is not there and is no VLAN's name
 */
export async function ensureParent(record: NetworkRecord, { parent }: MacvlanOptions): Promise<string> {
  if (parent === "") {
    const [name, other] = ownParent(record);
    if (!hasLink(name))
      await addLinks([
        `link add name ${name} type veth peer name ${other}`,
        `link set dev ${other} up`,
        `link set dev ${name} up`,
      ]);
    return name;
  }
  if (hasLink(parent)) return parent;
  const [, base = "", tag = ""] = vlan.exec(parent) ?? [];
  if (base === "")
    throw new Fault("invalid", `invalid subinterface vlan name ${parent}, example formatting is eth0.10`);
  if (!hasLink(base))
    throw new Fault("invalid", `failed to find master interface ${base} on the Docker host`);
  await addLinks([`link add link ${base} name ${parent} type vlan id ${tag}`, `link set dev ${parent} up`]);
  return parent;
}

/** Takes away what {@link ensureParent} made for this network alone; a VLAN of the host's stays, others may use it. */
export async function removeParent(record: NetworkRecord): Promise<void> {
  const [name] = ownParent(record);
  if (record.driver === "macvlan" && hasLink(name)) await removeLinks([name]);
}
