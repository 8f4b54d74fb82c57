import type { Column } from "#orchestrator/machinery/resource.ts";
import * as autoscaling from "./autoscaling.ts";
import * as cluster from "./cluster.ts";
import * as network from "./network.ts";
import { podColumns } from "./pods.ts";
import * as policy from "./policy.ts";
import * as storage from "./storage.ts";
import * as workloads from "./workloads.ts";

/** What a list of each resource shows, as upstream has it; all others show name and age. */
export const columnsOf: Readonly<Record<string, readonly Column[]>> = {
  pods: podColumns,
  podtemplates: workloads.podTemplateColumns,
  replicationcontrollers: workloads.replicationControllerColumns,
  "replicasets.apps": workloads.replicaSetColumns,
  "deployments.apps": workloads.deploymentColumns,
  "daemonsets.apps": workloads.daemonSetColumns,
  "statefulsets.apps": workloads.statefulSetColumns,
  "controllerrevisions.apps": workloads.controllerRevisionColumns,
  "jobs.batch": workloads.jobColumns,
  "cronjobs.batch": workloads.cronJobColumns,
  services: network.serviceColumns,
  endpoints: network.endpointsColumns,
  "endpointslices.discovery.k8s.io": network.endpointSliceColumns,
  "ingresses.networking.k8s.io": network.ingressColumns,
  "ingressclasses.networking.k8s.io": network.ingressClassColumns,
  "networkpolicies.networking.k8s.io": network.networkPolicyColumns,
  "ipaddresses.networking.k8s.io": network.ipAddressColumns,
  "servicecidrs.networking.k8s.io": network.serviceCidrColumns,
  nodes: cluster.nodeColumns,
  namespaces: cluster.namespaceColumns,
  secrets: cluster.secretColumns,
  configmaps: cluster.configMapColumns,
  componentstatuses: cluster.componentStatusColumns,
  resourcequotas: cluster.resourceQuotaColumns,
  limitranges: policy.createdColumns,
  events: cluster.eventColumns,
  "events.events.k8s.io": cluster.eventColumns,
  persistentvolumes: storage.persistentVolumeColumns,
  persistentvolumeclaims: storage.persistentVolumeClaimColumns,
  "storageclasses.storage.k8s.io": storage.storageClassColumns,
  "volumeattributesclasses.storage.k8s.io": storage.volumeAttributesClassColumns,
  "volumeattachments.storage.k8s.io": storage.volumeAttachmentColumns,
  "csidrivers.storage.k8s.io": storage.csiDriverColumns,
  "csinodes.storage.k8s.io": storage.csiNodeColumns,
  "csistoragecapacities.storage.k8s.io": storage.csiStorageCapacityColumns,
  "roles.rbac.authorization.k8s.io": policy.createdColumns,
  "clusterroles.rbac.authorization.k8s.io": policy.createdColumns,
  "rolebindings.rbac.authorization.k8s.io": policy.roleBindingColumns,
  "clusterrolebindings.rbac.authorization.k8s.io": policy.roleBindingColumns,
  "customresourcedefinitions.apiextensions.k8s.io": policy.createdColumns,
  "apiservices.apiregistration.k8s.io": policy.apiServiceColumns,
  "poddisruptionbudgets.policy": policy.podDisruptionBudgetColumns,
  "certificatesigningrequests.certificates.k8s.io": policy.certificateSigningRequestColumns,
  "clustertrustbundles.certificates.k8s.io": policy.clusterTrustBundleColumns,
  "podcertificaterequests.certificates.k8s.io": policy.podCertificateRequestColumns,
  "leases.coordination.k8s.io": policy.leaseColumns,
  "runtimeclasses.node.k8s.io": policy.runtimeClassColumns,
  "priorityclasses.scheduling.k8s.io": policy.priorityClassColumns,
  "mutatingwebhookconfigurations.admissionregistration.k8s.io": policy.webhookColumns,
  "validatingwebhookconfigurations.admissionregistration.k8s.io": policy.webhookColumns,
  "validatingadmissionpolicies.admissionregistration.k8s.io": policy.validatingAdmissionPolicyColumns,
  "mutatingadmissionpolicies.admissionregistration.k8s.io": policy.mutatingAdmissionPolicyColumns,
  "validatingadmissionpolicybindings.admissionregistration.k8s.io": policy.admissionPolicyBindingColumns,
  "mutatingadmissionpolicybindings.admissionregistration.k8s.io": policy.admissionPolicyBindingColumns,
  "flowschemas.flowcontrol.apiserver.k8s.io": policy.flowSchemaColumns,
  "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": policy.priorityLevelColumns,
  "resourceclaims.resource.k8s.io": policy.resourceClaimColumns,
  "resourceslices.resource.k8s.io": policy.resourceSliceColumns,
  "horizontalpodautoscalers.autoscaling": autoscaling.horizontalPodAutoscalerColumns,
  "horizontalpodautoscalers.autoscaling/v1": autoscaling.horizontalPodAutoscalerV1Columns,
};

/** Of a resource without columns of its own. */
export const otherColumns: readonly Column[] = cluster.plainColumns;
