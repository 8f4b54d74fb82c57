import { isStatus } from "#api/kube/status.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import {
  endpointSlices,
  leases,
  limitRanges,
  pods,
  replicaSets,
  resourceQuotas,
} from "#client/kube/resources.ts";
import { podSelectorOf } from "../pods-of.ts";
import type { KubeFields } from "../manifests.ts";
import type { Kube } from "../session.ts";
import {
  describeConfigMap,
  describeNamespace,
  describeSecret,
  describeServiceAccount,
} from "./configuration.ts";
import { Description } from "./description.ts";
import { addEvents, readEvents } from "./events.ts";
import { describeGeneric } from "./generic.ts";
import { describeNode } from "./node.ts";
import { describePod } from "./pod.ts";
import { describeService } from "./service.ts";
import { describeClaim, describePersistentVolume, describeStorageClass } from "./storage.ts";
import {
  describeCronJob,
  describeDaemonSet,
  describeDeployment,
  describeJob,
  describeReplicaSet,
  describeReplicationController,
  describeStatefulSet,
} from "./workloads.ts";

/** Adds what there is to say of an object but its events. */
type Describer = (to: Description, object: never, look: Look) => Promise<void> | void;

/** Looks objects up that belong to one. */
interface Look {
  readonly list: <T extends KubeObject>(
    resource: KubeResource<T>,
    query?: Readonly<Record<string, string>>,
  ) => Promise<readonly T[]>;
  readonly get: <T extends KubeObject>(
    resource: KubeResource<T>,
    namespace: string,
    name: string,
  ) => Promise<T>;
}

const describers: Readonly<Record<string, Describer>> = {
  Pod: describePod,
  "Deployment.apps": withRelated(describeDeployment),
  "ReplicaSet.apps": withRelated(describeReplicaSet),
  "StatefulSet.apps": withRelated(describeStatefulSet),
  "DaemonSet.apps": withRelated(describeDaemonSet),
  ReplicationController: withRelated(describeReplicationController),
  "Job.batch": describeJob,
  "CronJob.batch": describeCronJob,
  Service: (async (to, object: Parameters<typeof describeService>[1], look) => {
    const labelSelector = `kubernetes.io/service-name=${object.metadata.name}`;
    describeService(to, object, await look.list(endpointSlices, { labelSelector }));
  }) satisfies Describer,
  Node: (async (to, object: Parameters<typeof describeNode>[1], look) => {
    const name = object.metadata.name ?? "";
    const fieldSelector = `spec.nodeName=${name},status.phase!=Succeeded,status.phase!=Failed`;
    const [found, lease] = await Promise.all([
      look.list(pods, { fieldSelector }).catch((error: unknown) => {
        if (isStatus(error, "Forbidden")) return undefined;
        throw error;
      }),
      look.get(leases, "kube-node-lease", name).catch(messageOf),
    ]);
    describeNode(to, object, found, lease);
  }) satisfies Describer,
  ConfigMap: describeConfigMap,
  Secret: describeSecret,
  ServiceAccount: describeServiceAccount,
  Namespace: (async (to, object: Parameters<typeof describeNamespace>[1], { list }) => {
    describeNamespace(to, object, await list(resourceQuotas), await list(limitRanges));
  }) satisfies Describer,
  PersistentVolumeClaim: (async (to, object: Parameters<typeof describeClaim>[1], { list }) => {
    describeClaim(to, object, await list(pods));
  }) satisfies Describer,
  PersistentVolume: describePersistentVolume,
  "StorageClass.storage.k8s.io": describeStorageClass,
};

/** Kinds that nothing ever happens to, as kubectl has it. */
const withoutEvents = new Set(["Namespace", "Secret"]);

function withRelated<T extends KubeObject>(
  describe: (
    to: Description,
    object: T,
    related: { readonly pods: readonly Pod[]; readonly replicaSets: never[] },
  ) => void,
): Describer {
  return async (to, object: T, { list }) => {
    const labelSelector = podSelectorOf(object as unknown as KubeFields, "");
    const isDeployment = (object as unknown as KubeFields).kind === "Deployment";
    const related = {
      pods: isDeployment ? [] : await list(pods, { labelSelector }),
      replicaSets: isDeployment ? await list(replicaSets, { labelSelector }) : [],
    };
    describe(to, object, related as never);
  };
}

/** What kubectl describe says of an object. @throws {StatusError} */
export async function describeObject(
  kube: Kube,
  group: string,
  object: KubeFields,
  showsEvents: boolean,
  signal: AbortSignal,
): Promise<string> {
  const { kind = "", metadata } = object;
  const namespace = kind === "Namespace" ? metadata?.name : metadata?.namespace;
  const look = lookIn(kube, namespace, signal);
  const to = new Description();
  const describe = describers[group === "" ? kind : `${kind}.${group}`];
  const hasEvents = showsEvents && !withoutEvents.has(kind);
  const events = hasEvents ? readEvents(kube, object, signal).catch(() => undefined) : undefined;
  await (describe === undefined ? describeGeneric(to, object) : describe(to, object as never, look));
  const found = await events;
  if (found !== undefined) addEvents(to, found);
  return to.toString();
}

function lookIn(kube: Kube, namespace: string | undefined, signal: AbortSignal): Look {
  return {
    list: async (resource, query) => (await kube.of(resource).list({ namespace, ...query }, signal)).items,
    get: (resource, where, name) => kube.of(resource).get({ namespace: where, name }, signal),
  };
}
