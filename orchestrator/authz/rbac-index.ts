import type { User } from "#orchestrator/authn/user.ts";
import { serviceAccountUserName } from "#orchestrator/authn/service-account-name.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import type {
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from "#api/kube/types/rbac.ts";

const group = "rbac.authorization.k8s.io";
export const rbacResources = {
  roles: `roles.${group}`,
  roleBindings: `rolebindings.${group}`,
  clusterRoles: `clusterroles.${group}`,
  clusterRoleBindings: `clusterrolebindings.${group}`,
} as const;

type AnyBinding = RoleBinding | ClusterRoleBinding;

/** A binding that names the user, and the subject by which it does. */
export interface Grant {
  readonly binding: AnyBinding;
  readonly subject: Subject;
}

/** Namespace, empty for the cluster → subject → grants. */
type Grants = Map<string, Map<string, Grant[]>>;

/** Who is bound to which roles, by subject, so that a decision costs as much as its user has bindings, not the cluster. */
export class RbacIndex implements Disposable {
  readonly #objects: ObjectReader;
  readonly #grants: Grants = new Map();
  readonly #watches = new DisposableStack();

  constructor(objects: ObjectReader) {
    this.#objects = objects;
    for (const resource of [rbacResources.clusterRoleBindings, rbacResources.roleBindings]) {
      this.#watches.use(
        objects.onChange<AnyBinding>(resource, (after, before) => {
          if (before !== undefined) this.#remove(before);
          if (after !== undefined) this.#add(after);
        }),
      );
      for (const binding of objects.list<AnyBinding>(resource)) this.#add(binding);
    }
  }

  /** What binds the user in the whole cluster, then what does in the namespace. */
  *grantsOf(user: User, namespace: string): Generator<Grant> {
    const places = namespace === "" ? [""] : ["", namespace];
    for (const place of places) {
      const bySubject = this.#grants.get(place);
      if (bySubject === undefined) continue;
      yield* bySubject.get(`User ${user.name}`) ?? [];
      for (const name of user.groups) yield* bySubject.get(`Group ${name}`) ?? [];
    }
  }

  /** Undefined when the role is not there. */
  rulesOf(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    const isCluster = ref.kind === "ClusterRole";
    const resource = isCluster ? rbacResources.clusterRoles : rbacResources.roles;
    const role = this.#objects.find<Role>(resource, isCluster ? undefined : namespace, ref.name);
    return role === undefined ? undefined : (role.rules ?? []);
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
  }

  #add(binding: AnyBinding): void {
    const place = binding.metadata.namespace ?? "";
    let bySubject = this.#grants.get(place);
    if (bySubject === undefined) this.#grants.set(place, (bySubject = new Map<string, Grant[]>()));
    for (const subject of binding.subjects ?? []) {
      const key = keyOf(subject, place);
      const list = bySubject.get(key);
      if (list === undefined) bySubject.set(key, [{ binding, subject }]);
      else list.push({ binding, subject });
    }
  }

  #remove({ metadata, subjects }: AnyBinding): void {
    const place = metadata.namespace ?? "";
    const bySubject = this.#grants.get(place);
    if (bySubject === undefined) return;
    for (const subject of subjects ?? []) {
      const key = keyOf(subject, place);
      const left = (bySubject.get(key) ?? []).filter(
        ({ binding }) => binding.metadata.name !== metadata.name,
      );
      if (left.length === 0) bySubject.delete(key);
      else bySubject.set(key, left);
    }
    if (bySubject.size === 0) this.#grants.delete(place);
  }
}

function keyOf({ kind, name, namespace }: Subject, place: string): string {
  if (kind !== "ServiceAccount") return `${kind} ${name}`;
  return `User ${serviceAccountUserName(namespace ?? place, name)}`;
}
