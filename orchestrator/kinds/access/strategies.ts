import { clusterTrustBundleStrategy, podCertificateRequestStrategy } from "./certificates.ts";
import { bindingErrors, bindingUpdateErrors, roleErrors } from "./check-rbac.ts";
import {
  admissionPolicyBindingErrors,
  admissionPolicyErrors,
  certificateRequestErrors,
  webhookErrors,
} from "./check-webhooks.ts";
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
const binding: Strategy = {
  ...role,
  default: defaultRoleBinding,
  validate: bindingErrors,
  validateUpdate: bindingUpdateErrors,
};
const webhooks = { ...countsChanges(["webhooks"]), validate: webhookErrors, needsResourceVersion: true };
const requests = keepsStatus({ counts: [] });

export const accessStrategies: Readonly<Record<string, Strategy>> = {
  "roles.rbac.authorization.k8s.io": { ...role, validate: roleErrors },
  "clusterroles.rbac.authorization.k8s.io": { ...role, validate: roleErrors },
  "rolebindings.rbac.authorization.k8s.io": binding,
  "clusterrolebindings.rbac.authorization.k8s.io": binding,
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
    validate: admissionPolicyErrors,
    ...keepsStatus(),
    needsResourceVersion: true,
  },
  "mutatingadmissionpolicies.admissionregistration.k8s.io": {
    default: defaultAdmissionPolicy,
    validate: admissionPolicyErrors,
    ...countsChanges(["spec"]),
    needsResourceVersion: true,
  },
  "validatingadmissionpolicybindings.admissionregistration.k8s.io": {
    default: defaultAdmissionPolicyBinding,
    validate: admissionPolicyBindingErrors,
    ...countsChanges(["spec"]),
    needsResourceVersion: true,
  },
  "mutatingadmissionpolicybindings.admissionregistration.k8s.io": {
    default: defaultAdmissionPolicyBinding,
    validate: admissionPolicyBindingErrors,
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
    validate: certificateRequestErrors,
    // What was asked for cannot be changed.
    validateUpdate: () => [],
    selectableFields: { "spec.signerName": (object) => textAt(object, "spec", "signerName") },
  },
  "clustertrustbundles.certificates.k8s.io": clusterTrustBundleStrategy,
  "podcertificaterequests.certificates.k8s.io": podCertificateRequestStrategy,
  "apiservices.apiregistration.k8s.io": {
    default: defaultApiService,
    ...keepsStatus({ counts: [] }),
    nameRule: "path-segment",
    needsResourceVersion: true,
  },
};
