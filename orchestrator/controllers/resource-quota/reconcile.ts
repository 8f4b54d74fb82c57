import type { KubeObject } from "#api/kube/meta.ts";
import type { ResourceQuota } from "#api/kube/types/core.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { resourceQuotas } from "#client/kube/resources.ts";
import type { Informer } from "#orchestrator/informers/informer.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { discover, type DiscoveredResource } from "../discovery.ts";
import { planQuota, resourceOf } from "./plan.ts";

/** Keeps in quotas what is used. What no quota counts is not watched for them. */
export async function startResourceQuotaController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(resourceQuotas);
  const watched = new Map<string, Informer<KubeObject>>();
  const controller = {
    name: "resourcequota-controller",
    async reconcile(key: string, signal: AbortSignal) {
      const quota = own.cache.get(key);
      if (quota === undefined || quota.metadata.deletionTimestamp !== undefined) return;
      const resources = new Set(Object.keys(quota.spec?.hard ?? {}).map(resourceOf));
      await watch(
        [...resources].filter((resource) => !watched.has(resource)),
        signal,
      );
      const counted = new Map<string, Iterable<KubeObject>>();
      for (const resource of resources) {
        const informer = watched.get(resource);
        await informer?.synced(signal);
        if (informer !== undefined)
          counted.set(resource, informer.cache.inNamespace(quota.metadata.namespace));
      }
      const status = planQuota(quota, counted);
      if (isSameJson(status, quota.status ?? {})) return;
      await deps.kube.of(resourceQuotas).updateStatus({ ...quota, status }, signal);
    },
  };
  const { queue, ended } = runController(deps, controller, signal, { ready: own.synced(signal) });
  const look = ({ metadata }: KubeObject) => {
    for (const quota of own.cache.inNamespace(metadata.namespace)) queue.add(keyOf(quota));
  };
  const watch = async (names: readonly string[], signal: AbortSignal): Promise<void> => {
    if (names.length === 0) return;
    const { resources } = await discover(deps.kube, signal);
    for (const name of names) {
      const found = resources.find((resource) => isCounted(resource, name));
      if (found === undefined || watched.has(name)) continue;
      const informer = deps.informers.of<KubeObject>(found);
      watched.set(name, informer);
      informer.handle({ added: look, updated: look, deleted: look });
    }
  };
  own.handle({
    added: (quota: ResourceQuota) => queue.add(keyOf(quota)),
    updated: (quota: ResourceQuota) => queue.add(keyOf(quota)),
    deleted: look,
  });
  await ended;
}

function isCounted({ resource, group, isNamespaced, verbs }: DiscoveredResource, name: string): boolean {
  return (
    isNamespaced && verbs.includes("watch") && (group === "" ? resource : `${resource}.${group}`) === name
  );
}
