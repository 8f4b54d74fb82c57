import { isStatus } from "#api/kube/status.ts";
import { namespaces, serviceAccounts } from "#client/kube/resources.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";

/** Every namespace has a ServiceAccount `default`. */
export async function startServiceAccountController(
  deps: ControllerDeps,
  signal: AbortSignal,
): Promise<void> {
  const spaces = deps.informers.of(namespaces);
  const accounts = deps.informers.of(serviceAccounts);
  const controller = {
    name: "serviceaccount-controller",
    async reconcile(namespace: string, signal: AbortSignal) {
      const space = spaces.cache.get(namespace);
      if (space === undefined || space.metadata.deletionTimestamp !== undefined) return;
      if (accounts.cache.get(`${namespace}/default`) !== undefined) return;
      const account = {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { namespace, name: "default" },
      } as const;
      try {
        await deps.kube.of(serviceAccounts).create(account, signal);
      } catch (error) {
        if (!isStatus(error, "AlreadyExists") && !isNamespaceTerminating(error)) throw error;
      }
    },
  };
  const ready = Promise.all([spaces.synced(signal), accounts.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  spaces.handle({
    added: ({ metadata }) => queue.add(metadata.name ?? ""),
    updated: ({ metadata }) => queue.add(metadata.name ?? ""),
  });
  accounts.handle({ deleted: ({ metadata }) => queue.add(metadata.namespace ?? "") });
  await ended;
}
