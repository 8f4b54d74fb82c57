import type { KubeObject, OwnerReference } from "#api/kube/meta.ts";
import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import type { Admission, AdmissionPlugin } from "./plugin.ts";
import { objectOf, refuse } from "./support.ts";

export interface OwnerReferenceDeps {
  readonly authorizer: Authorizer;
  readonly resourceOfKind?: (apiVersion: string, kind: string) => string | undefined;
}

/** Off by default: who names owners may delete the object, and who blocks an owner's deletion may change its finalizers. */
export function ownerReferencesPermission({
  authorizer,
  resourceOfKind,
}: OwnerReferenceDeps): AdmissionPlugin {
  const may = ({ user, namespace }: Admission, verb: string, of: Target): boolean =>
    authorizer.authorize({
      user,
      verb,
      type: "resource",
      ...of,
      ...(namespace !== undefined && { namespace }),
    }).is === "allowed";
  return {
    name: "OwnerReferencesPermissionEnforcement",
    async validate(request) {
      if (request.object === undefined || request.subresource === "status") return;
      const next = ownersOf(objectOf<KubeObject>(request) as KubeObject);
      const before = ownersOf(request.old as unknown as KubeObject | undefined);
      if (JSON.stringify(next) === JSON.stringify(before)) return;
      const { group, version, resource } = request.resource;
      if (
        request.operation === "UPDATE" &&
        !may(request, "delete", { group, version, resource, name: request.name })
      )
        throw refuse(request, "cannot set an ownerRef on a resource you can't delete: ");
      for (const owner of next.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true)) {
        if (before.some((one) => one.uid === owner.uid && one.blockOwnerDeletion === true)) continue;
        const [ownerVersion = "", ownerGroup = ""] = owner.apiVersion.split("/").toReversed();
        const ownerResource =
          resourceOfKind?.(owner.apiVersion, owner.kind) ?? `${owner.kind.toLowerCase()}s`;
        const target = {
          group: ownerGroup,
          version: ownerVersion,
          resource: ownerResource,
          subresource: "finalizers",
          name: owner.name,
        };
        if (!may(request, "update", target))
          throw refuse(
            request,
            "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ",
          );
      }
    },
  };
}

interface Target {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name: string;
}

function ownersOf(object: KubeObject | undefined): readonly OwnerReference[] {
  return object?.metadata.ownerReferences ?? [];
}
