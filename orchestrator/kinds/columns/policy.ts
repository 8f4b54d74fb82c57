import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "#api/kube/types/admissionregistration.ts";
import type { APIService } from "#api/kube/types/apiregistration.ts";
import type {
  CertificateSigningRequest,
  ClusterTrustBundle,
  PodCertificateRequest,
} from "#api/kube/types/certificates.ts";
import type { Lease } from "#api/kube/types/coordination.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "#api/kube/types/flowcontrol.ts";
import type { RuntimeClass } from "#api/kube/types/node.ts";
import type { PodDisruptionBudget } from "#api/kube/types/policy.ts";
import type { RoleBinding } from "#api/kube/types/rbac.ts";
import type { ResourceClaim, ResourceSlice } from "#api/kube/types/resource.ts";
import type { PriorityClass } from "#api/kube/types/scheduling.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import { ageColumn, column, createdColumn, nameColumn, wide } from "./column.ts";
import { humanDuration } from "#orchestrator/machinery/human-duration.ts";

export const createdColumns: readonly Column[] = [nameColumn, createdColumn];

function subjects(kind: string): (binding: RoleBinding) => string {
  return ({ subjects: all = [] }) =>
    all
      .filter((subject) => subject.kind === kind)
      .map(({ name, namespace }) => (kind === "ServiceAccount" ? `${namespace ?? ""}/${name}` : name))
      .join(", ");
}

export const roleBindingColumns: readonly Column[] = [
  nameColumn,
  column<RoleBinding>(
    "Role",
    "string",
    "The role that it grants.",
    ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`,
  ),
  ageColumn,
  wide<RoleBinding>("Users", "Users in the roleBinding", subjects("User")),
  wide<RoleBinding>("Groups", "Groups in the roleBinding", subjects("Group")),
  wide<RoleBinding>("ServiceAccounts", "ServiceAccounts in the roleBinding", subjects("ServiceAccount")),
];

export const podDisruptionBudgetColumns: readonly Column[] = [
  nameColumn,
  column<PodDisruptionBudget>(
    "Min Available",
    "string",
    "The minimum number of pods that must be available.",
    ({ spec }) => String(spec.minAvailable ?? "N/A"),
  ),
  column<PodDisruptionBudget>(
    "Max Unavailable",
    "string",
    "The maximum number of pods that may be unavailable.",
    ({ spec }) => String(spec.maxUnavailable ?? "N/A"),
  ),
  column<PodDisruptionBudget>(
    "Allowed Disruptions",
    "integer",
    "Calculated number of pods that may be disrupted at this time.",
    ({ status }) => status?.disruptionsAllowed ?? 0,
  ),
  ageColumn,
];

function requestState({ status }: CertificateSigningRequest): string {
  const has = (type: string) => status?.conditions?.some((condition) => condition.type === type) === true;
  const decision = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  const isIssued = (status?.certificate ?? "") !== "";
  return `${decision}${has("Failed") ? ",Failed" : ""}${isIssued ? ",Issued" : ""}`;
}

export const certificateSigningRequestColumns: readonly Column[] = [
  nameColumn,
  ageColumn,
  column<CertificateSigningRequest>(
    "SignerName",
    "string",
    "Who is to sign it.",
    ({ spec }) => spec.signerName,
  ),
  column<CertificateSigningRequest>("Requestor", "string", "Who asked for it.", ({ spec }) => spec.username),
  column<CertificateSigningRequest>(
    "RequestedDuration",
    "string",
    "How long the certificate is to be valid.",
    ({ spec }) =>
      spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds * 1000),
  ),
  column<CertificateSigningRequest>("Condition", "string", "What was decided of it.", requestState),
];

export const clusterTrustBundleColumns: readonly Column[] = [
  nameColumn,
  column<ClusterTrustBundle>(
    "SignerName",
    "string",
    "Who made it.",
    ({ spec }) => spec.signerName || "<none>",
  ),
];

export const podCertificateRequestColumns: readonly Column[] = [
  nameColumn,
  column<PodCertificateRequest>("PodName", "string", "The pod that asks.", ({ spec }) => spec.podName),
  column<PodCertificateRequest>(
    "ServiceAccountName",
    "string",
    "The account that the pod runs as.",
    ({ spec }) => spec.serviceAccountName,
  ),
  column<PodCertificateRequest>(
    "NodeName",
    "string",
    "The node that the pod runs on.",
    ({ spec }) => spec.nodeName,
  ),
  column<PodCertificateRequest>("SignerName", "string", "Who is to sign it.", ({ spec }) => spec.signerName),
  column<PodCertificateRequest>("State", "string", "What was decided of it.", ({ status }) => {
    const decided = ["Issued", "Denied", "Failed"];
    const found = status?.conditions?.find(({ type }) => decided.includes(type));
    return found?.type ?? "Pending";
  }),
  ageColumn,
];

export const leaseColumns: readonly Column[] = [
  nameColumn,
  column<Lease>("Holder", "string", "Who holds it.", ({ spec }) => spec?.holderIdentity),
  ageColumn,
];

export const runtimeClassColumns: readonly Column[] = [
  nameColumn,
  column<RuntimeClass>("Handler", "string", "How the container engine calls it.", ({ handler }) => handler),
  ageColumn,
];

export const priorityClassColumns: readonly Column[] = [
  nameColumn,
  column<PriorityClass>("Value", "integer", "The priority of its pods.", ({ value }) => value),
  column<PriorityClass>(
    "Global-Default",
    "boolean",
    "Whether pods without a class get it.",
    ({ globalDefault }) => globalDefault ?? false,
  ),
  ageColumn,
  column<PriorityClass>(
    "PreemptionPolicy",
    "string",
    "Whether its pods may preempt others.",
    ({ preemptionPolicy }) => preemptionPolicy ?? "PreemptLowerPriority",
  ),
];

export const webhookColumns: readonly Column[] = [
  nameColumn,
  column<MutatingWebhookConfiguration>(
    "Webhooks",
    "integer",
    "Webhooks indicates the number of webhooks registered in this configuration",
    ({ webhooks }) => webhooks?.length ?? 0,
  ),
  ageColumn,
];

type ParamKind = { readonly apiVersion?: string; readonly kind?: string } | undefined;

function paramKind(param: ParamKind): string {
  return param === undefined ? "<unset>" : `${param.apiVersion ?? ""}/${param.kind ?? ""}`;
}

export const validatingAdmissionPolicyColumns: readonly Column[] = [
  nameColumn,
  column<ValidatingAdmissionPolicy>(
    "Validations",
    "integer",
    "Validations indicates the number of validation rules defined in this configuration",
    ({ spec }) => spec?.validations?.length ?? 0,
  ),
  column<ValidatingAdmissionPolicy>(
    "ParamKind",
    "string",
    "ParamKind specifies the kind of resources used to parameterize this policy",
    ({ spec }) => paramKind(spec?.paramKind),
  ),
  ageColumn,
];

export const mutatingAdmissionPolicyColumns: readonly Column[] = [
  nameColumn,
  column<MutatingAdmissionPolicy>(
    "Mutations",
    "integer",
    "Mutation indicates the number of mutations rules defined in this configuration",
    ({ spec }) => spec?.mutations?.length ?? 0,
  ),
  column<MutatingAdmissionPolicy>(
    "ParamKind",
    "string",
    "ParamKind specifies the kind of resources used to parameterize this policy",
    ({ spec }) => paramKind(spec?.paramKind),
  ),
  ageColumn,
];

type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

export const admissionPolicyBindingColumns: readonly Column[] = [
  nameColumn,
  column<Binding>(
    "PolicyName",
    "string",
    "PolicyName indicates the policy definition which the policy binding binded to",
    ({ spec }) => spec?.policyName,
  ),
  column<Binding>(
    "ParamRef",
    "string",
    "ParamRef indicates the param resource which sets the configration param",
    ({ spec }) => {
      const reference = spec?.paramRef;
      if (reference === undefined) return "<unset>";
      const { namespace = "", name = "" } = reference;
      const target = name === "" ? "*" : name;
      return namespace === "" ? target : `${namespace}/${target}`;
    },
  ),
  ageColumn,
];

export const flowSchemaColumns: readonly Column[] = [
  nameColumn,
  column<FlowSchema>(
    "PriorityLevel",
    "string",
    "The level that its requests get.",
    ({ spec }) => spec?.priorityLevelConfiguration.name,
  ),
  column<FlowSchema>(
    "MatchingPrecedence",
    "integer",
    "Lower ones are tried first.",
    ({ spec }) => spec?.matchingPrecedence,
  ),
  column<FlowSchema>(
    "DistinguisherMethod",
    "string",
    "What makes two flows of requests.",
    ({ spec }) => spec?.distinguisherMethod?.type ?? "<none>",
  ),
  ageColumn,
  column<FlowSchema>(
    "MissingPL",
    "string",
    "Whether its level does not exist.",
    ({ status }) => status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?",
  ),
];

type Level = PriorityLevelConfiguration;
const queuing = (level: Level) => level.spec?.limited?.limitResponse?.queuing;

export const priorityLevelColumns: readonly Column[] = [
  nameColumn,
  column<Level>("Type", "string", "Whether its requests are limited.", ({ spec }) => spec?.type),
  column<Level>(
    "NominalConcurrencyShares",
    "string",
    "Its part of what the server can do at once.",
    ({ spec }) => String((spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? "<none>"),
  ),
  column<Level>("Queues", "string", "How many queues it has.", (level) =>
    String(queuing(level)?.queues ?? "<none>"),
  ),
  column<Level>("HandSize", "string", "How many queues a flow may use.", (level) =>
    String(queuing(level)?.handSize ?? "<none>"),
  ),
  column<Level>("QueueLengthLimit", "string", "How many requests wait in a queue.", (level) =>
    String(queuing(level)?.queueLengthLimit ?? "<none>"),
  ),
  ageColumn,
];

export const apiServiceColumns: readonly Column[] = [
  nameColumn,
  column<APIService>("Service", "string", "The service that serves it.", ({ spec }) => {
    const service = spec?.service;
    return service === undefined ? "Local" : `${service.namespace ?? ""}/${service.name ?? ""}`;
  }),
  column<APIService>("Available", "string", "Whether it is available.", ({ status }) => {
    const condition = status?.conditions?.find(({ type }) => type === "Available");
    if (condition === undefined) return "Unknown";
    return condition.status === "True" ? "True" : `${condition.status} (${condition.reason ?? ""})`;
  }),
  ageColumn,
];

export const resourceClaimColumns: readonly Column[] = [
  nameColumn,
  column<ResourceClaim>(
    "State",
    "string",
    "A summary of the current state (allocated, pending, reserved, etc.).",
    ({ metadata, status }) => {
      const states: string[] = [];
      if (metadata.deletionTimestamp !== undefined) states.push("deleted");
      if (status?.allocation !== undefined) states.push("allocated");
      else if (metadata.deletionTimestamp === undefined) states.push("pending");
      if ((status?.reservedFor?.length ?? 0) > 0) states.push("reserved");
      return states.join(",");
    },
  ),
  ageColumn,
];

export const resourceSliceColumns: readonly Column[] = [
  nameColumn,
  column<ResourceSlice>("Node", "string", "NodeName of the slice", ({ spec }) => spec.nodeName ?? "<unset>"),
  column<ResourceSlice>("Driver", "string", "Name of the driver", ({ spec }) => spec.driver),
  column<ResourceSlice>("Pool", "string", "Name of the resource pool", ({ spec }) => spec.pool.name),
  ageColumn,
];
