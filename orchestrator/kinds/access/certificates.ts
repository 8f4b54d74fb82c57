import type { ClusterTrustBundle, PodCertificateRequest } from "#api/kube/types/certificates.ts";
import { invalid, required } from "#orchestrator/machinery/field-error.ts";
import { subdomainComplaints } from "#orchestrator/machinery/names.ts";
import type { Draft, FieldError, Strategy } from "#orchestrator/machinery/resource.ts";
import { checkImmutable, checkRequiredName, type Findings } from "../check.ts";
import { edit, view } from "../edit.ts";
import { keepsStatus, textAt } from "../parts.ts";

const [shortestS, defaultS, longestS] = [3600, 86_400, 91 * 86_400];

function bundleErrors(object: Draft): readonly FieldError[] {
  const into: Findings = [];
  const { metadata, spec } = view<ClusterTrustBundle>(object);
  const { name = "" } = metadata;
  const signer = spec.signerName ?? "";
  if (signer === "") {
    if (name.includes(":"))
      into.push(
        invalid(
          "metadata.name",
          name,
          'ClusterTrustBundle without signer name must not have ":" in its name',
        ),
      );
  } else {
    const prefix = `${signer.replaceAll("/", ":")}:`;
    if (!/^[^/]+\/.+$/.test(signer))
      into.push(
        invalid(
          "spec.signerName",
          signer,
          "must be a fully qualified domain and path of the form 'example.com/signer-name'",
        ),
      );
    if (!name.startsWith(prefix))
      into.push(
        invalid(
          "metadata.name",
          name,
          `ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`,
        ),
      );
    else
      for (const text of subdomainComplaints(name.slice(prefix.length)))
        into.push(invalid("metadata.name", name, text));
  }
  if (!/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(spec.trustBundle ?? ""))
    into.push(invalid("spec.trustBundle", "<value omitted>", "at least one trust anchor must be provided"));
  return into;
}

export const clusterTrustBundleStrategy: Strategy = {
  validate: bundleErrors,
  validateUpdate(next, old) {
    const into = [...bundleErrors(next)];
    const signerOf = (object: Draft) => view<ClusterTrustBundle>(object).spec.signerName;
    checkImmutable(into, "spec.signerName", signerOf(next), signerOf(old));
    return into;
  },
  nameRule: "path-segment",
  selectableFields: { "spec.signerName": (object) => textAt(object, "spec", "signerName") },
};

function requestErrors(object: Draft): readonly FieldError[] {
  const into: Findings = [];
  const { spec } = view<PodCertificateRequest>(object);
  for (const name of ["podName", "serviceAccountName", "nodeName"] as const)
    checkRequiredName(into, `spec.${name}`, spec[name], subdomainComplaints);
  for (const name of ["signerName", "podUID", "serviceAccountUID", "nodeUID"] as const)
    checkRequiredName(into, `spec.${name}`, spec[name]);
  const { maxExpirationSeconds: seconds } = spec;
  if (seconds === undefined) into.push(required("spec.maxExpirationSeconds", "must be set"));
  else if (seconds < shortestS || seconds > longestS)
    into.push(
      invalid("spec.maxExpirationSeconds", seconds, `must be in the range [${shortestS}, ${longestS}]`),
    );
  return into;
}

export const podCertificateRequestStrategy: Strategy = {
  ...keepsStatus({ counts: [] }),
  default(object) {
    edit<PodCertificateRequest>(object).spec.maxExpirationSeconds ??= defaultS;
  },
  validate: requestErrors,
  validateUpdate(next, old) {
    const into: Findings = [];
    checkImmutable(into, "spec", next["spec"], old["spec"]);
    return into;
  },
  selectableFields: {
    "spec.signerName": (object) => textAt(object, "spec", "signerName"),
    "spec.nodeName": (object) => textAt(object, "spec", "nodeName"),
    "spec.podName": (object) => textAt(object, "spec", "podName"),
  },
};
