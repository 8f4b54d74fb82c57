import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { countsChanges, keepsStatus, textAt } from "../parts.ts";
import {
  defaultAdmissionPolicy,
  defaultAdmissionPolicyBinding,
  defaultApiService,
  defaultMutatingWebhooks,
  defaultRoleBinding,
  defaultValidatingWebhooks,
} from "./defaults.ts";

const role: Strategy = { nameRule: "path-segment", canCreateOnUpdate: true };
const webhooks = { ...countsChanges(["webhooks"]), needsResourceVersion: true };
const requests = keepsStatus({ counts: [] });

export const accessStrategies: Readonly<Record<string, Strategy>> = {
  "roles.rbac.authorization.k8s.io": role,
  "clusterroles.rbac.authorization.k8s.io": role,
  "rolebindings.rbac.authorization.k8s.io": { ...role, default: defaultRoleBinding },
  "clusterrolebindings.rbac.authorization.k8s.io": { ...role, default: defaultRoleBinding },
  "mutatingwebhookconfigurations.admissionregistration.k8s.io": {
    ...webhooks,
    default: defaultMutatingWebhooks,
  },
  "validatingwebhookconfigurations.admissionregistration.k8s.io": {
    ...webhooks,
    default: defaultValidatingWebhooks,
  },
  "validatingadmissionpolicies.admissionregistration.k8s.io": {
    default: defaultAdmissionPolicy,
    ...keepsStatus(),
    needsResourceVersion: true,
  },
  "mutatingadmissionpolicies.admissionregistration.k8s.io": {
    default: defaultAdmissionPolicy,
    ...countsChanges(["spec"]),
    needsResourceVersion: true,
  },
  "validatingadmissionpolicybindings.admissionregistration.k8s.io": {
    default: defaultAdmissionPolicyBinding,
    ...countsChanges(["spec"]),
    needsResourceVersion: true,
  },
  "mutatingadmissionpolicybindings.admissionregistration.k8s.io": {
    default: defaultAdmissionPolicyBinding,
    ...countsChanges(["spec"]),
    needsResourceVersion: true,
  },
  "certificatesigningrequests.certificates.k8s.io": {
    ...requests,
    prepareForUpdate(next, old) {
      // What was asked for, and by whom, stays.
      next["spec"] = old["spec"];
      requests.prepareForUpdate(next, old);
    },
    selectableFields: { "spec.signerName": (object) => textAt(object, "spec", "signerName") },
  },
  "apiservices.apiregistration.k8s.io": {
    default: defaultApiService,
    ...keepsStatus({ counts: [] }),
    nameRule: "path-segment",
    needsResourceVersion: true,
  },
};
