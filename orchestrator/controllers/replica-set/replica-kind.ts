import type { KubeObject } from "#api/kube/meta.ts";
import type { ReplicaSet } from "#api/kube/types/apps.ts";
import type { ReplicationController } from "#api/kube/types/core.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { replicaSets, replicationControllers } from "#client/kube/resources.ts";
import { type LabelRequirements, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import type { ReplicaSpec, ReplicaStatus } from "./plan.ts";

/** How a kind that keeps a number of pods looks. */
export interface ReplicaKind<T extends KubeObject> {
  readonly resource: KubeResource<T>;
  /** The name that it signs its events with. */
  readonly component: string;
  specOf(object: T): ReplicaSpec;
  selectorOf(object: T): LabelRequirements | undefined;
  statusOf(object: T): ReplicaStatus | undefined;
  /** Whether the status tells how many pods are being deleted. */
  readonly countsTerminating: boolean;
}

export const replicaSetKind: ReplicaKind<ReplicaSet> = {
  resource: replicaSets,
  component: "replicaset-controller",
  specOf: ({ spec }) => ({
    replicas: spec.replicas ?? 1,
    minReadySeconds: spec.minReadySeconds ?? 0,
    template: spec.template,
  }),
  selectorOf: ({ spec }) => requirementsOf(spec.selector),
  statusOf: ({ status }) => status,
  countsTerminating: true,
};

export const replicationControllerKind: ReplicaKind<ReplicationController> = {
  resource: replicationControllers,
  component: "replication-controller",
  specOf: ({ spec }) => ({
    replicas: spec?.replicas ?? 1,
    minReadySeconds: spec?.minReadySeconds ?? 0,
    template: spec?.template,
  }),
  selectorOf: ({ spec }) => requirementsOf({ matchLabels: spec?.selector ?? {} }),
  statusOf: ({ status }) => status,
  countsTerminating: false,
};
