import type { PolicyRule } from "#api/kube/types/rbac.ts";
import { eventsRule, paths, read, readWrite, rule, write } from "./rule-text.ts";

export interface ClusterRolePlan {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Its rules are those of the roles with this label. */
  readonly aggregates?: string;
}

const label = (role: string) => `rbac.authorization.k8s.io/aggregate-to-${role}`;
const aggregateTo = (role: string) => ({ [label(role)]: "true" });

/** What every node agent may do, whatever runs on it. The rest is the Node authoriser's. */
export const nodeRules: readonly PolicyRule[] = [
  rule("create", "authentication", "tokenreviews"),
  rule("create", "authorization", "localsubjectaccessreviews subjectaccessreviews"),
  rule(read, "core", "services"),
  rule("create get list watch", "core", "nodes"),
  rule("patch update", "core", "nodes/status"),
  rule("patch update", "core", "nodes"),
  rule("create patch update", "core events", "events"),
  rule(read, "core", "pods"),
  rule("create delete", "core", "pods"),
  rule("patch update", "core", "pods/status"),
  rule("create", "core", "pods/eviction"),
  rule(read, "core", "configmaps secrets"),
  rule("get", "core", "persistentvolumeclaims persistentvolumes"),
  rule("get", "core", "endpoints"),
  rule("create get list watch", "certificates", "certificatesigningrequests"),
  rule("create delete get patch update", "coordination", "leases"),
  rule("get", "storage", "volumeattachments"),
  rule("create", "core", "serviceaccounts/token"),
  rule("get patch update", "core", "persistentvolumeclaims/status"),
  rule(read, "storage", "csidrivers"),
  rule("create delete get patch update", "storage", "csinodes"),
  rule(read, "node", "runtimeclasses"),
  rule("get", "resource", "resourceclaims"),
  rule("create delete deletecollection get list patch update watch", "resource", "resourceslices"),
  rule("create get list watch", "certificates", "podcertificaterequests"),
  rule(read, "certificates", "clustertrustbundles"),
];

const forUsers: readonly ClusterRolePlan[] = [
  { name: "cluster-admin", rules: [rule("*", "*", "*"), paths("*", "*")] },
  { name: "admin", rules: [], aggregates: label("admin") },
  { name: "edit", rules: [], aggregates: label("edit"), labels: aggregateTo("admin") },
  { name: "view", rules: [], aggregates: label("view"), labels: aggregateTo("edit") },
  {
    name: "system:aggregate-to-admin",
    labels: aggregateTo("admin"),
    rules: [
      rule("create", "authorization", "localsubjectaccessreviews"),
      rule(readWrite, "rbac", "rolebindings roles"),
    ],
  },
  {
    name: "system:aggregate-to-edit",
    labels: aggregateTo("edit"),
    rules: [
      rule(read, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
      rule("impersonate", "core", "serviceaccounts"),
      rule(write, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
      rule("create", "core", "pods/eviction"),
      rule(
        write,
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
      ),
      rule("create", "core", "serviceaccounts/token"),
      rule(
        write,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale",
      ),
      rule(write, "autoscaling", "horizontalpodautoscalers"),
      rule(write, "batch", "cronjobs jobs"),
      rule(
        write,
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale",
      ),
      rule(write, "policy", "poddisruptionbudgets"),
      rule(write, "networking", "ingresses networkpolicies"),
      rule(readWrite, "coordination", "leases"),
      rule(write, "resource", "resourceclaims resourceclaimtemplates"),
    ],
  },
  {
    name: "system:aggregate-to-view",
    labels: aggregateTo("view"),
    rules: [
      rule(
        read,
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
      ),
      rule(
        read,
        "core",
        "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status",
      ),
      rule(read, "core", "namespaces"),
      rule(read, "discovery", "endpointslices"),
      rule(
        read,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
      ),
      rule(read, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
      rule(read, "batch", "cronjobs cronjobs/status jobs jobs/status"),
      rule(
        read,
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
      ),
      rule(read, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
      rule(read, "networking", "ingresses ingresses/status networkpolicies"),
      rule(read, "resource", "resourceclaims resourceclaims/status resourceclaimtemplates"),
    ],
  },
];

const approver = (signer: string): ClusterRolePlan => ({
  name: `system:certificates.k8s.io:${signer}-approver`,
  rules: [rule("approve", "certificates", "signers", `kubernetes.io/${signer}`)],
});

const lockRules = (name: string) => [
  rule("create", "coordination", "leases"),
  rule("get list update watch", "coordination", "leases", name),
];

const forComponents: readonly ClusterRolePlan[] = [
  {
    name: "system:discovery",
    rules: [
      paths(
        "get",
        "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/",
      ),
    ],
  },
  {
    name: "system:monitoring",
    rules: [paths("get", "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")],
  },
  {
    name: "system:basic-user",
    rules: [
      rule("create", "authorization", "selfsubjectaccessreviews selfsubjectrulesreviews"),
      rule("create", "authentication", "selfsubjectreviews"),
    ],
  },
  { name: "system:public-info-viewer", rules: [paths("get", "/healthz /livez /readyz /version /version/")] },
  {
    name: "system:heapster",
    rules: [rule(read, "core", "events namespaces nodes pods"), rule(read, "extensions", "deployments")],
  },
  { name: "system:node", rules: nodeRules },
  {
    name: "system:node-problem-detector",
    rules: [rule("get", "core", "nodes"), rule("patch", "core", "nodes/status"), eventsRule],
  },
  {
    name: "system:kubelet-api-admin",
    rules: [
      rule(read, "core", "nodes"),
      rule("proxy", "core", "nodes"),
      rule(
        "*",
        "core",
        "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
      ),
    ],
  },
  {
    name: "system:node-bootstrapper",
    rules: [rule("create get list watch", "certificates", "certificatesigningrequests")],
  },
  {
    name: "system:auth-delegator",
    rules: [
      rule("create", "authentication", "tokenreviews"),
      rule("create", "authorization", "subjectaccessreviews"),
    ],
  },
  { name: "system:kube-aggregator", rules: [rule(read, "core", "endpoints services")] },
  {
    name: "system:kube-controller-manager",
    rules: [
      eventsRule,
      ...lockRules("kube-controller-manager"),
      rule("create", "core", "secrets serviceaccounts"),
      rule("delete", "core", "secrets"),
      rule("get", "core", "configmaps namespaces secrets serviceaccounts"),
      rule("update", "core", "secrets serviceaccounts"),
      rule("create", "authentication", "tokenreviews"),
      rule("create", "authorization", "subjectaccessreviews"),
      rule("list watch", "*", "*"),
      rule("create", "core", "serviceaccounts/token"),
    ],
  },
  {
    name: "system:kube-dns",
    rules: [rule("list watch", "core", "endpoints services")],
  },
  {
    name: "system:kube-scheduler",
    rules: [
      eventsRule,
      ...lockRules("kube-scheduler"),
      rule(read, "core", "nodes"),
      rule("delete get list watch", "core", "pods"),
      rule("create", "core", "bindings pods/binding"),
      rule("patch update", "core", "pods/status"),
      rule(read, "core", "replicationcontrollers services"),
      rule(read, "apps extensions", "replicasets"),
      rule(read, "apps", "statefulsets"),
      rule(read, "policy", "poddisruptionbudgets"),
      rule(read, "core", "persistentvolumeclaims persistentvolumes"),
      rule("create", "authentication", "tokenreviews"),
      rule("create", "authorization", "subjectaccessreviews"),
      rule(read, "storage", "csinodes"),
      rule(read, "core", "namespaces"),
      rule(read, "storage", "csidrivers"),
      rule(read, "storage", "csistoragecapacities"),
      rule(read, "storage", "volumeattachments"),
      rule(read, "resource", "deviceclasses"),
      rule("get list patch update watch", "resource", "resourceclaims"),
      rule("get list patch update watch", "resource", "resourceclaims/status"),
      rule("get list patch update watch", "core", "pods/finalizers"),
      rule(read, "resource", "resourceslices"),
    ],
  },
  {
    name: "system:persistent-volume-provisioner",
    rules: [
      rule("create delete get list watch", "core", "persistentvolumes"),
      rule("get list update watch", "core", "persistentvolumeclaims"),
      rule(read, "storage", "storageclasses"),
      rule("watch", "core", "events"),
      eventsRule,
    ],
  },
  {
    name: "system:volume-scheduler",
    rules: [
      rule("get list patch update watch", "core", "persistentvolumes"),
      rule(read, "storage", "storageclasses"),
      rule("get list patch update watch", "core", "persistentvolumeclaims"),
    ],
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    rules: [rule("create", "certificates", "certificatesigningrequests/nodeclient")],
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    rules: [rule("create", "certificates", "certificatesigningrequests/selfnodeclient")],
  },
  approver("legacy-unknown"),
  approver("kubelet-serving"),
  approver("kube-apiserver-client"),
  approver("kube-apiserver-client-kubelet"),
  {
    name: "system:service-account-issuer-discovery",
    rules: [
      paths(
        "get",
        "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
      ),
    ],
  },
  {
    name: "system:node-proxier",
    rules: [
      rule("list watch", "core", "endpoints services"),
      rule(read, "core", "nodes"),
      eventsRule,
      rule("list watch", "discovery", "endpointslices"),
      rule("list watch", "networking", "servicecidrs"),
    ],
  },
];

/** The roles of the whole cluster that upstream makes, but for its controllers'. */
export const bootstrapClusterRoles: readonly ClusterRolePlan[] = [...forUsers, ...forComponents];
