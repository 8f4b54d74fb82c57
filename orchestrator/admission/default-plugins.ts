import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from "./certificates.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { ownerReferencesPermission } from "./owner-references.ts";
import type { AdmissionPlugin } from "./plugin.ts";
import {
  defaultTolerationSeconds,
  extendedResourceToleration,
  taintNodesByCondition,
} from "./pod-defaults.ts";
import { podSecurity } from "./pod-security/plugin.ts";
import { priority } from "./priority.ts";
import { ResourceQuotaAdmission } from "./quota/resource-quota.ts";
import { runtimeClass } from "./runtime-class.ts";
import { serviceAccount } from "./service-account.ts";
import {
  defaultIngressClass,
  defaultStorageClass,
  persistentVolumeClaimResize,
  storageObjectInUseProtection,
} from "./storage-defaults.ts";
import type { AdmissionDeps } from "./support.ts";

export interface PluginDeps extends AdmissionDeps {
  readonly authorizer: Authorizer;
  readonly now: () => Date;
  /** Five letters of a generated name. */
  readonly newSuffix: () => string;
  /** Kind and version → resource, for the owners that an object names. */
  readonly resourceOfKind?: (apiVersion: string, kind: string) => string | undefined;
}

/** What upstream has but leaves off. */
export type OptionalPlugin = "ExtendedResourceToleration" | "OwnerReferencesPermissionEnforcement";

/** The plugins that upstream has on by default, in its order. What calls out to others goes before the quota, which is last. */
export function defaultPlugins(
  deps: PluginDeps,
  also: readonly OptionalPlugin[] = [],
  callouts: readonly AdmissionPlugin[] = [],
): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(deps),
    limitRanger(deps),
    serviceAccount(deps),
    nodeRestriction(deps),
    taintNodesByCondition,
    podSecurity(deps),
    priority(deps),
    defaultTolerationSeconds,
    ...(also.includes("ExtendedResourceToleration") ? [extendedResourceToleration] : []),
    defaultStorageClass(deps),
    storageObjectInUseProtection,
    ...(also.includes("OwnerReferencesPermissionEnforcement") ? [ownerReferencesPermission(deps)] : []),
    persistentVolumeClaimResize(deps),
    runtimeClass(deps),
    certificateApproval(deps.authorizer),
    certificateSigning(deps.authorizer),
    certificateSubjectRestriction,
    defaultIngressClass(deps),
    ...callouts,
    new ResourceQuotaAdmission(deps),
  ];
}
