import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "#api/kube/types/rbac.ts";
import { bootstrapClusterRoles, type ClusterRolePlan } from "./bootstrap-cluster-roles.ts";
import { controllerRules } from "./bootstrap-controller-roles.ts";
import { eventsRule, read, rule } from "./rule-text.ts";

const apiGroup = "rbac.authorization.k8s.io";
const apiVersion = "rbac.authorization.k8s.io/v1";
/** Whom a bootstrap token of `gantry token create` makes its holder, too. */
export const nodeBootstrapGroup = "system:bootstrappers:gantry:default-node-token";

const metadata = (name: string, namespace?: string) => ({
  name,
  ...(namespace !== undefined && { namespace }),
  annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
  labels: { "kubernetes.io/bootstrapping": "rbac-defaults" },
});

/** All roles and bindings that a cluster starts with. Those in namespaces need kube-system and kube-public. */
export interface BootstrapPolicy {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

export function bootstrapPolicy(): BootstrapPolicy {
  const controllers = Object.entries(controllerRules);
  return {
    clusterRoles: [
      ...bootstrapClusterRoles.map(clusterRole),
      ...controllers.map(([name, rules]) => clusterRole({ name: `system:controller:${name}`, rules })),
      clusterRole({ name: "gantry:get-nodes", rules: [rule("get", "core", "nodes")] }),
    ],
    clusterRoleBindings: [
      ...clusterBindings,
      ...controllers.map(([name]) =>
        clusterBinding(`system:controller:${name}`, [account("kube-system", name)]),
      ),
    ],
    roles: namespacedRoles.map(({ name, namespace, rules }) => ({
      apiVersion,
      kind: "Role",
      metadata: metadata(name, namespace),
      rules,
    })),
    roleBindings: namespacedRoles.map(({ name, namespace, subjects, binding = name }) =>
      roleBinding(binding, namespace, subjects, name),
    ),
  };
}

function clusterRole({ name, rules, labels = {}, aggregates }: ClusterRolePlan): ClusterRole {
  const base = metadata(name);
  return {
    apiVersion,
    kind: "ClusterRole",
    metadata: { ...base, labels: { ...base.labels, ...labels } },
    rules,
    ...(aggregates !== undefined && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregates]: "true" } }] },
    }),
  };
}

function clusterBinding(name: string, subjects: readonly Subject[], role = name): ClusterRoleBinding {
  return {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: metadata(name),
    roleRef: { apiGroup, kind: "ClusterRole", name: role },
    subjects,
  };
}

function roleBinding(
  name: string,
  namespace: string,
  subjects: readonly Subject[],
  role: string,
): RoleBinding {
  return {
    apiVersion,
    kind: "RoleBinding",
    metadata: metadata(name, namespace),
    roleRef: { apiGroup, kind: "Role", name: role },
    subjects,
  };
}

const user = (name: string): Subject => ({ apiGroup, kind: "User", name });
const group = (name: string): Subject => ({ apiGroup, kind: "Group", name });
const account = (namespace: string, name: string): Subject => ({ kind: "ServiceAccount", name, namespace });

const everybody = group("system:authenticated");
const signers = "system:certificates.k8s.io:certificatesigningrequests";

const clusterBindings: readonly ClusterRoleBinding[] = [
  clusterBinding("cluster-admin", [group("system:masters")]),
  clusterBinding("system:monitoring", [group("system:monitoring")]),
  clusterBinding("system:discovery", [everybody]),
  clusterBinding("system:basic-user", [everybody]),
  clusterBinding("system:public-info-viewer", [everybody, group("system:unauthenticated")]),
  clusterBinding("system:node-proxier", [user("system:kube-proxy")]),
  clusterBinding("system:kube-controller-manager", [user("system:kube-controller-manager")]),
  clusterBinding("system:kube-dns", [account("kube-system", "kube-dns")]),
  clusterBinding("system:kube-scheduler", [user("system:kube-scheduler")]),
  clusterBinding("system:volume-scheduler", [user("system:kube-scheduler")]),
  // Nodes are authorised by what runs on them, not by a role; upstream keeps the binding, empty.
  clusterBinding("system:node", []),
  clusterBinding("system:service-account-issuer-discovery", [group("system:serviceaccounts")]),
  clusterBinding("gantry:kubelet-bootstrap", [group(nodeBootstrapGroup)], "system:node-bootstrapper"),
  clusterBinding("gantry:node-autoapprove-bootstrap", [group(nodeBootstrapGroup)], `${signers}:nodeclient`),
  clusterBinding(
    "gantry:node-autoapprove-certificate-rotation",
    [group("system:nodes")],
    `${signers}:selfnodeclient`,
  ),
  clusterBinding("gantry:get-nodes", [group(nodeBootstrapGroup)]),
];

interface NamespacedRole {
  readonly name: string;
  readonly namespace: string;
  readonly rules: readonly PolicyRule[];
  readonly subjects: readonly Subject[];
  /** Name of its binding, where that is another. */
  readonly binding?: string;
}

const lockRules = (name: string): readonly PolicyRule[] => [
  rule("watch", "core", "configmaps"),
  rule("get update", "core", "configmaps", name),
];

const namespacedRoles: readonly NamespacedRole[] = [
  {
    name: "extension-apiserver-authentication-reader",
    namespace: "kube-system",
    rules: [rule(read, "core", "configmaps", "extension-apiserver-authentication")],
    subjects: [user("system:kube-controller-manager"), user("system:kube-scheduler")],
    binding: "system::extension-apiserver-authentication-reader",
  },
  {
    name: "system::leader-locking-kube-controller-manager",
    namespace: "kube-system",
    rules: lockRules("kube-controller-manager"),
    subjects: [user("system:kube-controller-manager"), account("kube-system", "kube-controller-manager")],
  },
  {
    name: "system::leader-locking-kube-scheduler",
    namespace: "kube-system",
    rules: lockRules("kube-scheduler"),
    subjects: [user("system:kube-scheduler"), account("kube-system", "kube-scheduler")],
  },
  {
    name: "system:controller:bootstrap-signer",
    namespace: "kube-system",
    rules: [rule(read, "core", "secrets")],
    subjects: [account("kube-system", "bootstrap-signer")],
  },
  {
    name: "system:controller:cloud-provider",
    namespace: "kube-system",
    rules: [rule("create get list watch", "core", "configmaps")],
    subjects: [account("kube-system", "cloud-provider")],
  },
  {
    name: "system:controller:token-cleaner",
    namespace: "kube-system",
    rules: [rule("delete get list watch", "core", "secrets"), eventsRule],
    subjects: [account("kube-system", "token-cleaner")],
  },
  {
    name: "system:controller:bootstrap-signer",
    namespace: "kube-public",
    rules: [
      rule(read, "core", "configmaps"),
      rule("update", "core", "configmaps", "cluster-info"),
      eventsRule,
    ],
    subjects: [account("kube-system", "bootstrap-signer")],
  },
  {
    name: "gantry:bootstrap-signer-clusterinfo",
    namespace: "kube-public",
    rules: [rule("get", "core", "configmaps", "cluster-info")],
    subjects: [user("system:anonymous")],
  },
];
