import type { KubeObject, ObjectMeta } from "#api/kube/meta.ts";
import { failure } from "#api/kube/status.ts";
import type { PodSpec } from "#api/kube/types/core-pods.ts";
import type { Admission, AdmissionPlugin } from "../plugin.ts";
import { type AdmissionDeps, findFresh, isFor, objectOf, refuse } from "../support.ts";
import type { CheckedPod } from "./check.ts";
import { describePolicy, type Level, type Policy, violationsOf } from "./evaluate.ts";

const prefix = "pod-security.kubernetes.io/";
const levels: readonly Level[] = ["privileged", "baseline", "restricted"];
const modes = ["enforce", "audit", "warn"] as const;
type Mode = (typeof modes)[number];

/** Holds pods to the standard that their namespace's labels name, and tells about what is made of pods. */
export function podSecurity(deps: AdmissionDeps): AdmissionPlugin {
  return {
    name: "PodSecurity",
    async validate(request, signal) {
      if (request.object === undefined || request.operation === "CONNECT") return;
      if (isFor(request, "namespaces")) return checkNamespace(deps, request);
      const isPod = isPodWrite(request);
      const pod = isPod ? (objectOf<CheckedPod>(request) as CheckedPod) : templateOf(request);
      if (pod === undefined || (isPod && !isSignificant(request))) return;
      const { namespace: name = "" } = request;
      const namespace = await findFresh<KubeObject>(deps, "namespaces", undefined, name, signal);
      const labels = namespace?.metadata.labels ?? {};
      if (!Object.keys(labels).some((key) => key.startsWith(prefix))) return;
      judge(request, pod, labels, isPod);
    },
  };
}

function judge(
  request: Admission,
  pod: CheckedPod,
  labels: Readonly<Record<string, string>>,
  isPod: boolean,
): void {
  const [enforce, audit, warn] = modes.map((mode) => policyOf(labels, mode)) as [Policy, Policy, Policy];
  if (isPod) {
    request.annotate(`${prefix}enforce-policy`, describePolicy(enforce));
    const violations = violationsOf(enforce, pod);
    if (violations !== "")
      throw refuse(request, `violates PodSecurity "${describePolicy(enforce)}": ${violations}`);
  }
  const audited = violationsOf(audit, pod);
  if (audited !== "")
    request.annotate(
      `${prefix}audit-violations`,
      `would violate PodSecurity "${describePolicy(audit)}": ${audited}`,
    );
  const warned = violationsOf(warn, pod);
  if (warned !== "") request.warn(`would violate PodSecurity "${describePolicy(warn)}": ${warned}`);
}

function isPodWrite(request: Admission): boolean {
  return isFor(request, "pods") || isFor(request, "pods", "ephemeralcontainers");
}

/** Of an update only new containers and other annotations of profiles could make a difference; an image does not. */
function isSignificant({ operation, subresource, object, old }: Admission): boolean {
  if (operation !== "UPDATE" || subresource !== "" || old === undefined) return true;
  const shapeOf = (pod: CheckedPod) => {
    const { containers, initContainers = [] } = pod.spec;
    const profiles = Object.entries(pod.metadata.annotations ?? {}).filter(([key]) =>
      /^(?:container\.)?(?:seccomp|apparmor)\.security\./.test(key),
    );
    return JSON.stringify([containers.length, initContainers.length, profiles]);
  };
  return shapeOf(object as unknown as CheckedPod) !== shapeOf(old as unknown as CheckedPod);
}

interface Template {
  readonly metadata?: ObjectMeta;
  readonly spec?: PodSpec;
}

/** Of a workload: what its pods will be. Undefined for anything else. */
function templateOf(request: Admission): CheckedPod | undefined {
  const { resource, group } = request.resource;
  if (request.subresource !== "") return undefined;
  const object = objectOf<{
    template?: Template;
    spec?: { template?: Template; jobTemplate?: { spec?: { template?: Template } } };
  }>(request);
  const isWorkload =
    (group === "apps" && ["deployments", "replicasets", "statefulsets", "daemonsets"].includes(resource)) ||
    (group === "batch" && (resource === "jobs" || resource === "cronjobs")) ||
    (group === "" && (resource === "replicationcontrollers" || resource === "podtemplates"));
  if (!isWorkload) return undefined;
  const template = object.template ?? object.spec?.template ?? object.spec?.jobTemplate?.spec?.template;
  if (template?.spec === undefined) return undefined;
  return { metadata: (template.metadata ?? {}) as ObjectMeta, spec: template.spec as PodSpec };
}

/** What the labels ask for in a mode; a level that is none counts as the strictest, so that a slip opens nothing. */
export function policyOf(labels: Readonly<Record<string, string>>, mode: Mode): Policy {
  const level = labels[prefix + mode];
  if (level === undefined) return { level: "privileged", version: "latest" };
  const known = levels.find((one) => one === level) ?? "restricted";
  const [, minor] = /^v1\.(0|[1-9]\d*)$/.exec(labels[`${prefix}${mode}-version`] ?? "") ?? [];
  return { level: known, version: minor === undefined ? "latest" : Number(minor) };
}

/** Its labels must make sense, and whoever makes them stricter is told which pods would not be let in any more. */
function checkNamespace({ objects }: AdmissionDeps, request: Admission): void {
  if (request.operation !== "CREATE" && request.operation !== "UPDATE") return;
  const labels = objectOf<KubeObject>(request).metadata.labels ?? {};
  const before = (request.old as unknown as KubeObject | undefined)?.metadata.labels ?? {};
  for (const mode of modes) checkLabels(request, labels, mode);
  const [next, last] = [policyOf(labels, "enforce"), policyOf(before, "enforce")];
  if (request.operation === "CREATE" || describePolicy(next) === describePolicy(last)) return;
  if (levels.indexOf(next.level) <= levels.indexOf(last.level) && next.version === last.version) return;
  const found = new Map<string, string[]>();
  for (const pod of objects.list<KubeObject & CheckedPod>("pods", request.name)) {
    const violations = violationsOf(next, pod);
    // Reasons alone: details would make a line for each pod.
    const reasons = violations.replaceAll(/ \([^)]*\)/g, "");
    if (reasons !== "") found.set(reasons, [...(found.get(reasons) ?? []), pod.metadata.name ?? ""]);
  }
  if (found.size === 0) return;
  request.warn(
    `existing pods in namespace "${request.name}" violate the new PodSecurity enforce level "${describePolicy(next)}"`,
  );
  for (const [reasons, [first = "", ...others]] of found)
    request.warn(
      `${first}${others.length === 0 ? "" : ` (and ${others.length} other ${others.length === 1 ? "pod" : "pods"})`}: ${reasons}`,
    );
}

function checkLabels(request: Admission, labels: Readonly<Record<string, string>>, mode: Mode): void {
  const level = labels[prefix + mode];
  const version = labels[`${prefix}${mode}-version`];
  if (level !== undefined && !levels.some((one) => one === level))
    throw invalidLabel(request, prefix + mode, level, `must be one of ${levels.join(", ")}`);
  if (version !== undefined && version !== "latest" && !/^v1\.(?:0|[1-9]\d*)$/.test(version))
    throw invalidLabel(request, `${prefix}${mode}-version`, version, 'must be "latest" or "v1.x"');
}

function invalidLabel({ name }: Admission, key: string, value: string, detail: string) {
  const field = `metadata.labels[${key}]`;
  const message = `Invalid value: ${JSON.stringify(value)}: ${detail}`;
  return failure("Invalid", `Namespace ${JSON.stringify(name)} is invalid: ${field}: ${message}`, {
    name,
    kind: "Namespace",
    causes: [{ reason: "FieldValueInvalid", message, field }],
  });
}
