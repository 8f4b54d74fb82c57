import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KubeObject } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import type { PolicyRule, Subject } from "#api/kube/types/rbac.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { MemoryObjects } from "#orchestrator/machinery/memory-objects.ts";
import { reviewAccess } from "./access-review.ts";
import type { Attributes } from "./authorizer.ts";
import { privilegedGroup, unionAuthorizer } from "./authorizers.ts";
import { nodeRules } from "./bootstrap-cluster-roles.ts";
import { planBootstrap } from "./bootstrap-plan.ts";
import { checkBindingWrite, checkRoleWrite } from "./escalation.ts";
import { forbidden } from "./forbidden.ts";
import { impersonate } from "./impersonation.ts";
import { NodeAuthorizer } from "./node-authorizer.ts";
import { NodeGraph } from "./node-graph.ts";
import { checkNodeToken } from "./node-token.ts";
import { RbacAuthorizer } from "./rbac-authorizer.ts";
import { RbacIndex, rbacResources } from "./rbac-index.ts";
import { uncovered } from "./rule-cover.ts";
import { rule } from "./rule-text.ts";
import { reviewRules } from "./rules-review.ts";

const group = "rbac.authorization.k8s.io";
const apiVersion = `${group}/v1`;
const jane: User = { name: "jane", groups: ["dev", "system:authenticated"] };

function resource(
  user: User,
  verb: string,
  name: string,
  more: Partial<Extract<Attributes, { type: "resource" }>> = {},
): Attributes {
  return { user, verb, type: "resource", group: "", version: "v1", resource: name, ...more };
}

class Cluster {
  readonly objects = new MemoryObjects();
  readonly index = new RbacIndex(this.objects);
  readonly rbac = new RbacAuthorizer(this.index);

  role(name: string, rules: readonly PolicyRule[], namespace?: string): void {
    const kind = namespace === undefined ? "ClusterRole" : "Role";
    this.objects.put(namespace === undefined ? rbacResources.clusterRoles : rbacResources.roles, {
      apiVersion,
      kind,
      metadata: { name, ...(namespace !== undefined && { namespace }) },
      rules,
    } as KubeObject);
  }

  bind(
    name: string,
    roleName: string,
    subjects: readonly Subject[],
    namespace?: string,
    kind = "ClusterRole",
  ): void {
    this.objects.put(
      namespace === undefined ? rbacResources.clusterRoleBindings : rbacResources.roleBindings,
      {
        apiVersion,
        kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
        metadata: { name, ...(namespace !== undefined && { namespace }) },
        roleRef: { apiGroup: group, kind, name: roleName },
        subjects,
      } as KubeObject,
    );
  }

  can(
    user: User,
    verb: string,
    name: string,
    more: Partial<Extract<Attributes, { type: "resource" }>> = {},
  ): boolean {
    return this.rbac.authorize(resource(user, verb, name, more)).is === "allowed";
  }
}

const user = (name: string): Subject => ({ apiGroup: group, kind: "User", name });

test("RbacAuthorizer: a cluster binding holds everywhere, a binding in its namespace, a missing one nowhere", () => {
  const cluster = new Cluster();
  cluster.role("reader", [rule("get list", "core", "pods")]);
  cluster.bind("b", "reader", [{ kind: "Group", apiGroup: group, name: "dev" }], "team");
  assert.ok(cluster.can(jane, "list", "pods", { namespace: "team" }));
  assert.ok(!cluster.can(jane, "list", "pods", { namespace: "other" }));
  assert.ok(!cluster.can(jane, "list", "pods"));
  assert.ok(!cluster.can(jane, "delete", "pods", { namespace: "team" }));
  cluster.bind("c", "reader", [user("jane")]);
  assert.ok(cluster.can(jane, "list", "pods"));
  cluster.objects.remove(rbacResources.clusterRoleBindings, undefined, "c");
  assert.ok(!cluster.can(jane, "list", "pods"));
  cluster.bind("b", "reader", [user("bob")], "team");
  assert.ok(!cluster.can(jane, "list", "pods", { namespace: "team" }));
});

test("RbacAuthorizer: says who allowed it, and which roles are missing", () => {
  const cluster = new Cluster();
  cluster.bind("gone", "nothing", [user("jane")]);
  assert.equal(
    cluster.rbac.authorize(resource(jane, "get", "pods")).reason,
    'RBAC: clusterrole.rbac.authorization.k8s.io "nothing" not found',
  );
  cluster.role("reader", [rule("get", "core", "pods")], "team");
  cluster.bind("b", "reader", [{ kind: "ServiceAccount", name: "ci", namespace: "build" }], "team", "Role");
  const account = { name: "system:serviceaccount:build:ci", groups: [] };
  assert.equal(
    cluster.rbac.authorize(resource(account, "get", "pods", { namespace: "team" })).reason,
    'RBAC: allowed by RoleBinding "b/team" of Role "reader" to ServiceAccount "ci/build"',
  );
});

test("RbacAuthorizer: subresources, names and paths", () => {
  const cluster = new Cluster();
  cluster.role("r", [
    rule("get", "core", "pods/log"),
    rule("update", "*", "*/scale"),
    rule("get", "core", "secrets", "one"),
    { verbs: ["get"], nonResourceURLs: ["/healthz/*", "/version"] },
  ]);
  cluster.bind("b", "r", [user("jane")]);
  assert.ok(cluster.can(jane, "get", "pods", { subresource: "log" }));
  assert.ok(!cluster.can(jane, "get", "pods"));
  assert.ok(cluster.can(jane, "update", "deployments", { group: "apps", subresource: "scale" }));
  assert.ok(cluster.can(jane, "get", "secrets", { name: "one" }));
  assert.ok(!cluster.can(jane, "get", "secrets", { name: "two" }));
  assert.ok(!cluster.can(jane, "get", "secrets"));
  const path = (text: string) =>
    cluster.rbac.authorize({ user: jane, verb: "get", type: "path", path: text }).is;
  assert.equal(path("/healthz/etcd"), "allowed");
  assert.equal(path("/version"), "allowed");
  assert.equal(path("/version/x"), "no-opinion");
});

const words = <T extends string>(...all: readonly T[]) =>
  fc.uniqueArray(fc.constantFrom(...all), { minLength: 1, maxLength: 2 });
const anyRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: words("get", "list", "*"),
  apiGroups: words("", "apps", "*"),
  resources: words("pods", "pods/log", "*/log", "deployments", "*"),
  resourceNames: fc.oneof(fc.constant([]), words("a", "b")),
});
const anyRequest = fc.record({
  verb: fc.constantFrom("get", "list"),
  group: fc.constantFrom("", "apps"),
  resource: fc.constantFrom("pods", "deployments"),
  subresource: fc.constantFrom("", "log"),
  name: fc.constantFrom("", "a", "b"),
  namespace: fc.constantFrom("", "x", "y"),
});

/** As slow and plain as the documentation. */
function allowsPlainly(
  rules: readonly PolicyRule[],
  asked: { verb: string; group: string; resource: string; subresource: string; name: string },
): boolean {
  const full = asked.subresource === "" ? asked.resource : `${asked.resource}/${asked.subresource}`;
  return rules.some(
    ({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
      (verbs.includes("*") || verbs.includes(asked.verb)) &&
      (apiGroups.includes("*") || apiGroups.includes(asked.group)) &&
      (resources.includes("*") ||
        resources.includes(full) ||
        (asked.subresource !== "" && resources.includes(`*/${asked.subresource}`))) &&
      (resourceNames.length === 0 || resourceNames.includes(asked.name)),
  );
}

test("RbacAuthorizer: decides as a plain model does, while bindings come and go", () => {
  const anyBinding = fc.record({
    name: fc.constantFrom("b1", "b2", "b3"),
    namespace: fc.constantFrom(undefined, "x", "y"),
    role: fc.constantFrom("r1", "r2"),
    subject: fc.constantFrom("User jane", "Group dev", "User bob"),
    isRemoved: fc.boolean(),
  });
  const run = fc.property(
    fc.array(anyRule, { maxLength: 3 }),
    fc.array(anyRule, { maxLength: 3 }),
    fc.array(anyBinding, { maxLength: 12 }),
    fc.array(anyRequest, { minLength: 1, maxLength: 20 }),
    (r1, r2, bindings, requests) => {
      const cluster = new Cluster();
      cluster.role("r1", r1);
      cluster.role("r2", r2);
      const model = new Map<string, (typeof bindings)[number]>();
      for (const binding of bindings) {
        const { name, namespace, role, isRemoved } = binding;
        const [kind = "", subject = ""] = binding.subject.split(" ");
        const key = `${namespace ?? ""}/${name}`;
        if (isRemoved) {
          model.delete(key);
          cluster.objects.remove(
            namespace === undefined ? rbacResources.clusterRoleBindings : rbacResources.roleBindings,
            namespace,
            name,
          );
          continue;
        }
        model.set(key, binding);
        cluster.bind(name, role, [{ apiGroup: group, kind, name: subject }], namespace);
      }
      for (const asked of requests) {
        const rules = [...model.values()]
          .filter(({ subject }) => subject !== "User bob")
          .filter(({ namespace }) => namespace === undefined || namespace === asked.namespace)
          .flatMap(({ role }) => (role === "r1" ? r1 : r2));
        const attributes: Attributes = { user: jane, type: "resource", version: "v1", ...asked };
        assert.equal(cluster.rbac.authorize(attributes).is === "allowed", allowsPlainly(rules, asked));
      }
    },
  );
  fc.assert(run, { numRuns: 400 });
});

test("uncovered: what is covered allows whatever the wanted rules allow", () => {
  const run = fc.property(
    fc.array(anyRule, { maxLength: 4 }),
    anyRule,
    anyRequest,
    (owned, wanted, asked) => {
      if (uncovered(owned, [wanted]).length === 0 && allowsPlainly([wanted], asked))
        assert.ok(allowsPlainly(owned, asked));
    },
  );
  fc.assert(run, { numRuns: 3000 });
});

function withEscalation(cluster: Cluster) {
  return { authorizer: cluster.rbac, rbac: cluster.rbac, index: cluster.index };
}

test("checkRoleWrite: nobody grants what they do not have, in upstream's words", () => {
  const cluster = new Cluster();
  cluster.role("r", [rule("get list", "core", "pods")]);
  cluster.bind("b", "r", [user("jane")]);
  const write = { user: jane, resource: "roles", namespace: "team", name: "new" };
  const deps = withEscalation(cluster);
  checkRoleWrite(deps, write, [rule("get", "core", "pods")]);
  assert.throws(
    () =>
      checkRoleWrite(deps, write, [
        rule("delete get", "core", "pods"),
        rule("get", "apps", "deployments", "a"),
      ]),
    (error) =>
      isStatus(error, "Forbidden") &&
      error.message ===
        'roles.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
          '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}\n' +
          '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["a"], Verbs:["get"]}',
  );
  cluster.role("e", [rule("escalate", "rbac", "roles")]);
  cluster.bind("e", "e", [user("jane")], "team");
  checkRoleWrite(deps, write, [rule("*", "*", "*")]);
  assert.throws(() => checkRoleWrite(deps, { ...write, namespace: "other" }, [rule("*", "*", "*")]));
  checkRoleWrite(deps, { ...write, user: { name: "root", groups: ["system:masters"] } }, [
    rule("*", "*", "*"),
  ]);
});

test("checkBindingWrite: nobody binds to more than they have, unless they may bind it", () => {
  const cluster = new Cluster();
  cluster.role("strong", [rule("*", "*", "*")]);
  const deps = withEscalation(cluster);
  const write = { user: jane, resource: "rolebindings", namespace: "team", name: "b" };
  const ref = { apiGroup: group, kind: "ClusterRole", name: "strong" };
  assert.throws(
    () => checkBindingWrite(deps, write, ref),
    /is attempting to grant RBAC permissions not currently held/,
  );
  assert.throws(
    () => checkBindingWrite(deps, write, { ...ref, name: "none" }),
    (error) => isStatus(error, "NotFound"),
  );
  cluster.role("binder", [rule("bind", "rbac", "clusterroles", "strong")]);
  cluster.bind("b", "binder", [user("jane")]);
  checkBindingWrite(deps, write, ref);
});

test("planBootstrap: makes everything, then nothing; brings back what was taken, keeps what was added", () => {
  const { objects } = new Cluster();
  const apply = () => {
    const steps = planBootstrap(objects);
    for (const { resource: name, object } of steps) objects.put(name, object);
    return steps;
  };
  assert.ok(apply().length > 120);
  assert.deepEqual(apply(), []);
  const find = (name: string) => {
    const found = objects.find<KubeObject & { rules: PolicyRule[] }>(
      rbacResources.clusterRoles,
      undefined,
      name,
    );
    assert.ok(found);
    return found;
  };
  const added = rule("get", "acme", "things");
  const discovery = find("system:discovery");
  objects.put(rbacResources.clusterRoles, { ...discovery, rules: [added] } as KubeObject);
  assert.deepEqual(
    apply().map((step) => [step.do, step.object.metadata.name]),
    [["update", "system:discovery"]],
  );
  assert.ok(find("system:discovery").rules.length > 1);
  assert.deepEqual(find("system:discovery").rules[0], added);
  objects.put(rbacResources.clusterRoles, {
    ...discovery,
    metadata: {
      ...discovery.metadata,
      annotations: { "rbac.authorization.kubernetes.io/autoupdate": "false" },
    },
    rules: [],
  } as KubeObject);
  assert.deepEqual(apply(), []);
});

test("planBootstrap: admin, edit and view may do at once what their parts say", () => {
  const cluster = new Cluster();
  for (const { resource: name, object } of planBootstrap(cluster.objects)) cluster.objects.put(name, object);
  for (const role of ["admin", "edit", "view"]) cluster.bind(role, role, [user(role)], "team");
  const can = (name: string, verb: string, what: string, more = {}) =>
    cluster.can({ name, groups: [] }, verb, what, { namespace: "team", ...more });
  assert.ok(can("view", "list", "pods") && can("edit", "list", "pods") && can("admin", "list", "pods"));
  assert.ok(
    !can("view", "get", "secrets") && can("edit", "get", "secrets") && can("admin", "get", "secrets"),
  );
  assert.ok(
    !can("view", "create", "deployments", { group: "apps" }) &&
      can("edit", "create", "deployments", { group: "apps" }),
  );
  assert.ok(!can("edit", "create", "roles", { group }) && can("admin", "create", "roles", { group }));
  assert.ok(!can("admin", "update", "resourcequotas"));
});

test("impersonate: every header is asked for, and gives what upstream gives", () => {
  const asked: string[] = [];
  const all = {
    authorize: (attributes: Attributes) => {
      if (attributes.type === "resource")
        asked.push(
          [
            attributes.verb,
            attributes.group,
            attributes.resource,
            attributes.subresource ?? "",
            attributes.namespace ?? "",
            attributes.name ?? "",
          ].join(" "),
        );
      return { is: "allowed", reason: "" } as const;
    },
  };
  const become = (headers: Record<string, readonly string[]>) => impersonate(jane, headers, all);
  assert.equal(become({ accept: ["x"] }), undefined);
  assert.deepEqual(
    become({
      "impersonate-user": ["bob"],
      "impersonate-group": ["a", "b"],
      "impersonate-uid": ["7"],
      "impersonate-extra-acme.example%2fscope": ["s"],
    }),
    {
      name: "bob",
      groups: ["a", "b", "system:authenticated"],
      uid: "7",
      extra: { "acme.example/scope": ["s"] },
    },
  );
  assert.deepEqual(asked, [
    "impersonate  users   bob",
    "impersonate  groups   a",
    "impersonate  groups   b",
    "impersonate authentication.k8s.io userextras acme.example/scope  s",
    "impersonate authentication.k8s.io uids   7",
  ]);
  assert.deepEqual(become({ "impersonate-user": ["system:serviceaccount:ci:x"] })?.groups, [
    "system:serviceaccounts",
    "system:serviceaccounts:ci",
    "system:authenticated",
  ]);
  assert.equal(asked.at(-1), "impersonate  serviceaccounts  ci x");
  assert.deepEqual(become({ "impersonate-user": ["system:anonymous"] })?.groups, ["system:unauthenticated"]);
  assert.throws(
    () => become({ "impersonate-group": ["a"] }),
    (error) => isStatus(error, "BadRequest"),
  );
  const none = { authorize: () => ({ is: "no-opinion", reason: "" }) as const };
  assert.throws(
    () => impersonate(jane, { "impersonate-user": ["bob"] }, none),
    /^StatusError: users "bob" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope$/,
  );
});

test("forbidden: upstream's texts", () => {
  const text = (attributes: Attributes, reason = "") => forbidden(attributes, reason).message;
  assert.equal(
    text(resource(jane, "list", "pods", { namespace: "y" })),
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "y"',
  );
  assert.equal(
    text(resource(jane, "get", "deployments", { group: "apps", name: "d", subresource: "scale" }), "why"),
    'deployments.apps "d" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" at the cluster scope: why',
  );
  assert.equal(
    text({ user: jane, verb: "get", type: "path", path: "/x" }),
    'forbidden: User "jane" cannot get path "/x"',
  );
});

function nodeCluster() {
  const { objects } = new Cluster();
  const nodes = new NodeAuthorizer(new NodeGraph(objects), nodeRules);
  const agent = { name: "system:node:a", groups: ["system:nodes"] };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "x" },
    spec: {
      nodeName: "a",
      serviceAccountName: "sa",
      imagePullSecrets: [{ name: "pull" }],
      containers: [
        { name: "c", env: [{ name: "E", valueFrom: { secretKeyRef: { name: "env", key: "k" } } }] },
      ],
      volumes: [
        { name: "v", projected: { sources: [{ configMap: { name: "cm" } }, { secret: { name: "proj" } }] } },
        { name: "w", persistentVolumeClaim: { claimName: "claim" } },
      ],
    },
  };
  objects.put("pods", pod);
  objects.put("persistentvolumes", {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "pv" },
    spec: {
      claimRef: { namespace: "x", name: "claim" },
      csi: { nodeStageSecretRef: { name: "stage", namespace: "storage" } },
    },
  } as KubeObject);
  const can = (verb: string, name: string, more: Partial<Extract<Attributes, { type: "resource" }>> = {}) =>
    nodes.authorize(resource(agent, verb, name, more));
  return { objects, nodes, can, pod };
}

test("NodeAuthorizer: a node reads what its pods need, and nothing else", () => {
  const { can, objects, pod } = nodeCluster();
  const reads = (name: string, what: string, namespace?: string) =>
    can("get", what, { name, ...(namespace !== undefined && { namespace }) }).is === "allowed";
  for (const secret of ["pull", "env", "proj"]) assert.ok(reads(secret, "secrets", "x"), secret);
  assert.ok(reads("cm", "configmaps", "x") && reads("claim", "persistentvolumeclaims", "x"));
  assert.ok(
    reads("pv", "persistentvolumes") && reads("stage", "secrets", "storage") && reads("p", "pods", "x"),
  );
  assert.ok(
    !reads("other", "secrets", "x") && !reads("pull", "secrets", "y") && !reads("env", "configmaps", "x"),
  );
  assert.equal(
    can("get", "secrets", { name: "z", namespace: "x" }).reason,
    "no relationship found between node 'a' and this object",
  );
  assert.equal(can("list", "secrets", { namespace: "x" }).reason, "No Object name found");
  assert.equal(
    can("delete", "secrets", { name: "pull", namespace: "x" }).reason,
    "can only read resources of this type",
  );
  objects.put("pods", {
    ...pod,
    metadata: { ...pod.metadata, annotations: { "kubernetes.io/config.mirror": "x" } },
  });
  assert.ok(!reads("pull", "secrets", "x"));
  objects.remove("pods", "x", "p");
  assert.ok(!reads("p", "pods", "x"));
});

test("NodeAuthorizer: its node, its lease, tokens of its pods, and pods by its own selector", () => {
  const { can } = nodeCluster();
  const is = (verb: string, name: string, more = {}) => can(verb, name, more).is === "allowed";
  assert.ok(is("get", "nodes", { name: "a" }) && !is("get", "nodes", { name: "b" }) && !is("list", "nodes"));
  const lease = { group: "coordination.k8s.io", namespace: "kube-node-lease" };
  assert.ok(
    is("update", "leases", { ...lease, name: "a" }) && !is("update", "leases", { ...lease, name: "b" }),
  );
  const token = { namespace: "x", subresource: "token" };
  assert.ok(
    is("create", "serviceaccounts", { ...token, name: "sa" }) &&
      !is("create", "serviceaccounts", { ...token, name: "root" }),
  );
  assert.ok(
    is("list", "pods", { fieldSelector: "spec.nodeName=a" }) &&
      !is("list", "pods") &&
      !is("list", "pods", { fieldSelector: "spec.nodeName=b" }),
  );
  assert.ok(
    is("list", "services") && is("create", "events") && !is("create", "deployments", { group: "apps" }),
  );
});

test("checkNodeToken: a node gets tokens for its own pods and their audiences only", () => {
  const objects = new MemoryObjects();
  const put = (nodeName: string) =>
    objects.put("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "x" },
      spec: {
        nodeName,
        volumes: [{ name: "t", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }],
      },
    } as KubeObject);
  put("a");
  const agent = { name: "system:node:a", groups: ["system:nodes"] };
  const of = { namespace: "x", name: "sa" };
  const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: "p", uid: "u" };
  const check = (spec: object, who: User = agent) => checkNodeToken(objects, who, of, { spec });
  check({ boundObjectRef });
  check({}, jane);
  assert.throws(() => check({}), /node requested token not bound to a pod/);
  assert.throws(() => check({ boundObjectRef: { ...boundObjectRef, uid: "" } }), /without a uid/);
  assert.throws(
    () => check({ boundObjectRef, audiences: ["vault"] }),
    /audience "vault" not found in pod spec volume/,
  );
  put("b");
  assert.throws(() => check({ boundObjectRef }), /bound to a pod scheduled on a different node/);
});

test("NodeAuthorizer: has no opinion of others", () => {
  const { nodes } = nodeCluster();
  assert.deepEqual(nodes.authorize(resource(jane, "get", "nodes")), { is: "no-opinion", reason: "" });
  const pretender = { name: "system:node:a", groups: [] };
  assert.equal(nodes.authorize(resource(pretender, "get", "nodes", { name: "a" })).is, "no-opinion");
});

test("reviewAccess: answers, and refuses what is no question", () => {
  const cluster = new Cluster();
  cluster.role("r", [rule("get", "core", "pods")]);
  cluster.bind("b", "r", [user("jane")]);
  const authorizer = unionAuthorizer([privilegedGroup("system:masters"), cluster.rbac]);
  const ask = (
    kind: "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview",
    spec: object,
    namespace?: string,
  ) =>
    reviewAccess(authorizer, {
      kind,
      body: { spec },
      user: jane,
      ...(namespace !== undefined && { namespace }),
    })["status"];
  const pods = { verb: "get", resource: "pods", namespace: "x" };
  assert.equal(
    (ask("SelfSubjectAccessReview", { resourceAttributes: pods }) as { allowed: boolean }).allowed,
    true,
  );
  assert.deepEqual(ask("SubjectAccessReview", { user: "bob", resourceAttributes: pods }), { allowed: false });
  assert.deepEqual(
    ask("SubjectAccessReview", {
      groups: ["system:masters"],
      nonResourceAttributes: { verb: "get", path: "/x" },
    }),
    { allowed: true },
  );
  assert.throws(
    () => ask("SelfSubjectAccessReview", {}),
    /SelfSubjectAccessReview\.authorization\.k8s\.io "" is invalid: spec\.resourceAttributes: Invalid value: null: exactly one of/,
  );
  assert.throws(
    () => ask("SubjectAccessReview", { resourceAttributes: pods }),
    /spec\.user: Invalid value: "": at least one of user or group/,
  );
  assert.throws(
    () => ask("LocalSubjectAccessReview", { user: "bob", resourceAttributes: pods }, "y"),
    /must match namespace: y/,
  );
});

test("reviewRules: what can-i --list shows", () => {
  const cluster = new Cluster();
  cluster.role("r", [rule("get", "core", "pods"), { verbs: ["get"], nonResourceURLs: ["/version"] }]);
  cluster.bind("b", "r", [user("jane")], "team");
  assert.deepEqual(reviewRules(cluster.rbac, jane, { spec: { namespace: "team" } })["status"], {
    resourceRules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }],
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/version"] }],
    incomplete: false,
  });
  assert.throws(() => reviewRules(cluster.rbac, jane, {}), /no namespace on request/);
});
