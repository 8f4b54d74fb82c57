import type { Node } from "#api/kube/types/core.ts";
import { nodes } from "#client/kube/resources.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import type { StartController } from "../controller-deps.ts";
import { freeSubnet } from "./plan.ts";

/** Every node gets a part of the pods' network for itself. @param range IPv4, e.g. `10.244.0.0/16` */
export function nodeIpamController(range: string, prefixLength = 24): StartController {
  return async (deps, signal) => {
    const informer = deps.informers.of(nodes);
    /** What was given and the cache does not show yet. */
    const given = new Map<string, string>();
    /** That, and what nodes have. */
    const taken = new Set<string>();
    const controller = {
      name: "node-ipam-controller",
      async reconcile(name: string, signal: AbortSignal) {
        const node = informer.cache.get(name);
        if (node === undefined || (node.spec.podCIDR ?? "") !== "") return;
        const subnet = given.get(name) ?? freeSubnet(range, prefixLength, taken);
        if (subnet === undefined) {
          const events = deps.events.recorder("cidrAllocator");
          events.record(node, "Normal", "CIDRNotAvailable", `Node ${name} status is now: CIDRNotAvailable`);
          return;
        }
        given.set(name, subnet);
        taken.add(subnet);
        const patch = { spec: { podCIDR: subnet, podCIDRs: [subnet] } };
        await deps.kube.of(nodes).patch({ name }, patch, { type: "strategic" }, signal);
      },
    };
    const options = { ready: informer.synced(signal), workers: 1 };
    const { queue, ended } = runController(deps, controller, signal, options);
    const look = ({ metadata, spec }: Node) => {
      for (const subnet of spec.podCIDRs ?? []) taken.add(subnet);
      if ((spec.podCIDR ?? "") === "") queue.add(metadata.name ?? "");
      else given.delete(metadata.name ?? "");
    };
    informer.handle({
      added: look,
      updated: look,
      deleted({ metadata: { name = "" }, spec }) {
        for (const subnet of [...(spec.podCIDRs ?? []), given.get(name)])
          if (subnet !== undefined) taken.delete(subnet);
        given.delete(name);
      },
    });
    await ended;
  };
}
