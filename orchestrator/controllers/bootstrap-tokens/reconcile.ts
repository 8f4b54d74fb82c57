import { ignoreNotFound, isStatus } from "#api/kube/status.ts";
import type { Secret } from "#api/kube/types/core.ts";
import { configMaps, secrets } from "#client/kube/resources.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { ControllerDeps, StartController } from "../controller-deps.ts";
import { clusterInfoData, clusterInfoKubeconfig, type TokenFacts, tokenFacts } from "./cluster-info.ts";

export interface ClusterAddress {
  /** `https://192.0.2.1:6443`, where new nodes reach it. */
  readonly server: string;
  /** PEM */
  readonly authority: string;
}

const clusterInfo = { namespace: "kube-public", name: "cluster-info" };
/** The one key that is no Secret's name. */
const infoKey = "/cluster-info";

/** Removes tokens that are over, and keeps `kube-public/cluster-info` signed with those that are not. */
export function bootstrapTokenController(address: () => ClusterAddress): StartController {
  return async (deps, signal) => {
    const tokens = deps.informers.of(secrets, {
      namespace: "kube-system",
      fieldSelector: "type=bootstrap.kubernetes.io/token",
    });
    const maps = deps.informers.of(configMaps, {
      namespace: clusterInfo.namespace,
      fieldSelector: `metadata.name=${clusterInfo.name}`,
    });
    const all = () => [...tokens.cache.list()].flatMap((secret) => tokenFacts(secret) ?? []);
    const controller = {
      name: "token-cleaner",
      reconcile: (key: string, signal: AbortSignal): Promise<Again | undefined> =>
        key === infoKey
          ? publish(
              deps,
              address(),
              all(),
              maps.cache.get(`${clusterInfo.namespace}/${clusterInfo.name}`)?.data,
              signal,
            )
          : clean(deps, key, tokens.cache.get(key), signal),
    };
    const ready = Promise.all([tokens.synced(signal), maps.synced(signal)]);
    const { queue, ended } = runController(deps, controller, signal, { ready });
    const look = ({ metadata }: Secret) => {
      queue.add(`${metadata.namespace}/${metadata.name}`);
      queue.add(infoKey);
    };
    tokens.handle({ added: look, updated: look, deleted: look });
    const lookAtInfo = () => queue.add(infoKey);
    maps.handle({ updated: lookAtInfo, deleted: lookAtInfo });
    queue.add(infoKey);
    await ended;
  };
}

async function clean(
  { kube, timers }: ControllerDeps,
  key: string,
  secret: Secret | undefined,
  signal: AbortSignal,
): Promise<Again | undefined> {
  const facts = secret === undefined ? undefined : tokenFacts(secret);
  if (facts?.endsAt === undefined) return undefined;
  const leftMs = facts.endsAt - timers.now();
  if (leftMs > 0) return { afterMs: leftMs };
  const [namespace = "", name = ""] = key.split("/");
  const { uid, resourceVersion } = secret?.metadata ?? {};
  const preconditions = {
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
  await kube.of(secrets).delete({ namespace, name }, { preconditions }, signal).catch(ignoreNotFound);
  return undefined;
}

async function publish(
  { kube, timers }: ControllerDeps,
  { server, authority }: ClusterAddress,
  tokens: readonly TokenFacts[],
  current: Readonly<Record<string, string>> | undefined,
  signal: AbortSignal,
): Promise<undefined> {
  const data = clusterInfoData(clusterInfoKubeconfig(server, authority), tokens, timers.now());
  if (isSameJson(current, data)) return;
  const client = kube.of(configMaps);
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: clusterInfo, data } as const;
  if (current !== undefined) await client.update(map, signal);
  else
    try {
      await client.create(map, signal);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
      await client.update(map, signal);
    }
}
