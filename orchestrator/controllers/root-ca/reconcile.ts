import { isStatus } from "#api/kube/status.ts";
import type { ConfigMap } from "#api/kube/types/core.ts";
import { configMaps, namespaces } from "#client/kube/resources.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { ControllerDeps, StartController } from "../controller-deps.ts";
import { isNamespaceTerminating } from "../pods/pod-control.ts";

const name = "kube-root-ca.crt";
const annotations = {
  "kubernetes.io/description":
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
};

/** Every namespace has the authority's certificates, for pods. @param authority PEM */
export function rootCaController(authority: () => string): StartController {
  return async (deps, signal) => {
    const spaces = deps.informers.of(namespaces);
    const maps = deps.informers.of(configMaps, { fieldSelector: `metadata.name=${name}` });
    const controller = {
      name: "root-ca-cert-publisher",
      reconcile: (namespace: string, signal: AbortSignal) =>
        publish(deps, authority(), namespace, maps.cache.get(`${namespace}/${name}`), signal),
    };
    const ready = Promise.all([spaces.synced(signal), maps.synced(signal)]);
    const { queue, ended } = runController(deps, controller, signal, { ready });
    const look = (namespace: string | undefined) => {
      const space = spaces.cache.get(namespace ?? "");
      if (space !== undefined && space.metadata.deletionTimestamp === undefined) queue.add(namespace ?? "");
    };
    spaces.handle({ added: ({ metadata }) => look(metadata.name) });
    maps.handle({
      updated: ({ metadata }) => look(metadata.namespace),
      deleted: ({ metadata }) => look(metadata.namespace),
    });
    await ended;
  };
}

async function publish(
  { kube }: ControllerDeps,
  authority: string,
  namespace: string,
  current: ConfigMap | undefined,
  signal: AbortSignal,
): Promise<void> {
  const data = { "ca.crt": authority };
  const client = kube.of(configMaps);
  if (current === undefined) {
    const made = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name, annotations },
      data,
    } as const;
    try {
      await client.create(made, signal);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists") && !isNamespaceTerminating(error)) throw error;
    }
    return;
  }
  const isRight =
    isSameJson(current.data, data) &&
    current.metadata.annotations?.["kubernetes.io/description"] !== undefined;
  if (isRight) return;
  const metadata = { ...current.metadata, annotations: { ...current.metadata.annotations, ...annotations } };
  await client.update({ ...current, metadata, data }, signal);
}
