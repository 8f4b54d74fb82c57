import type { CustomResourceDefinition } from "#api/kube/types/apiextensions.ts";
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from "#api/kube/types/apps.ts";
import type { HorizontalPodAutoscaler } from "#api/kube/types/autoscaling.ts";
import type { CronJob, Job } from "#api/kube/types/batch.ts";
import type { SubjectAccessReview } from "#api/kube/types/authorization.ts";
import type { CertificateSigningRequest } from "#api/kube/types/certificates.ts";
import type { Lease } from "#api/kube/types/coordination.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type {
  ConfigMap,
  Endpoints,
  Event,
  LimitRange,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
} from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import type { RuntimeClass } from "#api/kube/types/node.ts";
import type { PodDisruptionBudget } from "#api/kube/types/policy.ts";
import type { ClusterRole } from "#api/kube/types/rbac.ts";
import type { StorageClass, VolumeAttributesClass } from "#api/kube/types/storage.ts";
import type { KubeResource } from "./kube-resource.ts";

export const configMaps: KubeResource<ConfigMap> = {
  group: "",
  version: "v1",
  resource: "configmaps",
  kind: "ConfigMap",
  isNamespaced: true,
};

export const endpoints: KubeResource<Endpoints> = {
  group: "",
  version: "v1",
  resource: "endpoints",
  kind: "Endpoints",
  isNamespaced: true,
};

export const events: KubeResource<Event> = {
  group: "",
  version: "v1",
  resource: "events",
  kind: "Event",
  isNamespaced: true,
};

export const namespaces: KubeResource<Namespace> = {
  group: "",
  version: "v1",
  resource: "namespaces",
  kind: "Namespace",
  isNamespaced: false,
};

export const nodes: KubeResource<Node> = {
  group: "",
  version: "v1",
  resource: "nodes",
  kind: "Node",
  isNamespaced: false,
};

export const persistentVolumeClaims: KubeResource<PersistentVolumeClaim> = {
  group: "",
  version: "v1",
  resource: "persistentvolumeclaims",
  kind: "PersistentVolumeClaim",
  isNamespaced: true,
};

export const persistentVolumes: KubeResource<PersistentVolume> = {
  group: "",
  version: "v1",
  resource: "persistentvolumes",
  kind: "PersistentVolume",
  isNamespaced: false,
};

export const pods: KubeResource<Pod> = {
  group: "",
  version: "v1",
  resource: "pods",
  kind: "Pod",
  isNamespaced: true,
};

export const replicationControllers: KubeResource<ReplicationController> = {
  group: "",
  version: "v1",
  resource: "replicationcontrollers",
  kind: "ReplicationController",
  isNamespaced: true,
};

export const resourceQuotas: KubeResource<ResourceQuota> = {
  group: "",
  version: "v1",
  resource: "resourcequotas",
  kind: "ResourceQuota",
  isNamespaced: true,
};

export const limitRanges: KubeResource<LimitRange> = {
  group: "",
  version: "v1",
  resource: "limitranges",
  kind: "LimitRange",
  isNamespaced: true,
};

export const secrets: KubeResource<Secret> = {
  group: "",
  version: "v1",
  resource: "secrets",
  kind: "Secret",
  isNamespaced: true,
};

export const serviceAccounts: KubeResource<ServiceAccount> = {
  group: "",
  version: "v1",
  resource: "serviceaccounts",
  kind: "ServiceAccount",
  isNamespaced: true,
};

export const services: KubeResource<Service> = {
  group: "",
  version: "v1",
  resource: "services",
  kind: "Service",
  isNamespaced: true,
};

export const customResourceDefinitions: KubeResource<CustomResourceDefinition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};

export const controllerRevisions: KubeResource<ControllerRevision> = {
  group: "apps",
  version: "v1",
  resource: "controllerrevisions",
  kind: "ControllerRevision",
  isNamespaced: true,
};

export const daemonSets: KubeResource<DaemonSet> = {
  group: "apps",
  version: "v1",
  resource: "daemonsets",
  kind: "DaemonSet",
  isNamespaced: true,
};

export const deployments: KubeResource<Deployment> = {
  group: "apps",
  version: "v1",
  resource: "deployments",
  kind: "Deployment",
  isNamespaced: true,
};

export const replicaSets: KubeResource<ReplicaSet> = {
  group: "apps",
  version: "v1",
  resource: "replicasets",
  kind: "ReplicaSet",
  isNamespaced: true,
};

export const statefulSets: KubeResource<StatefulSet> = {
  group: "apps",
  version: "v1",
  resource: "statefulsets",
  kind: "StatefulSet",
  isNamespaced: true,
};

export const cronJobs: KubeResource<CronJob> = {
  group: "batch",
  version: "v1",
  resource: "cronjobs",
  kind: "CronJob",
  isNamespaced: true,
};

export const jobs: KubeResource<Job> = {
  group: "batch",
  version: "v1",
  resource: "jobs",
  kind: "Job",
  isNamespaced: true,
};

export const leases: KubeResource<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  resource: "leases",
  kind: "Lease",
  isNamespaced: true,
};

export const endpointSlices: KubeResource<EndpointSlice> = {
  group: "discovery.k8s.io",
  version: "v1",
  resource: "endpointslices",
  kind: "EndpointSlice",
  isNamespaced: true,
};

export const podDisruptionBudgets: KubeResource<PodDisruptionBudget> = {
  group: "policy",
  version: "v1",
  resource: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
  isNamespaced: true,
};

export const clusterRoles: KubeResource<ClusterRole> = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  resource: "clusterroles",
  kind: "ClusterRole",
  isNamespaced: false,
};

export const storageClasses: KubeResource<StorageClass> = {
  group: "storage.k8s.io",
  version: "v1",
  resource: "storageclasses",
  kind: "StorageClass",
  isNamespaced: false,
};

export const certificateSigningRequests: KubeResource<CertificateSigningRequest> = {
  group: "certificates.k8s.io",
  version: "v1",
  resource: "certificatesigningrequests",
  kind: "CertificateSigningRequest",
  isNamespaced: false,
};

export const subjectAccessReviews: KubeResource<SubjectAccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  resource: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  isNamespaced: false,
};

export const volumeAttributesClasses: KubeResource<VolumeAttributesClass> = {
  group: "storage.k8s.io",
  version: "v1",
  resource: "volumeattributesclasses",
  kind: "VolumeAttributesClass",
  isNamespaced: false,
};

export const runtimeClasses: KubeResource<RuntimeClass> = {
  group: "node.k8s.io",
  version: "v1",
  resource: "runtimeclasses",
  kind: "RuntimeClass",
  isNamespaced: false,
};

export const horizontalPodAutoscalers: KubeResource<HorizontalPodAutoscaler> = {
  group: "autoscaling",
  version: "v2",
  resource: "horizontalpodautoscalers",
  kind: "HorizontalPodAutoscaler",
  isNamespaced: true,
};
