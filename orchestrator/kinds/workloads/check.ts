import type { LabelSelector } from "#api/kube/meta.ts";
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "#api/kube/types/apps.ts";
import type { PodTemplate, ReplicationController } from "#api/kube/types/core.ts";
import type { PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { forbidden, invalid, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { selects } from "#orchestrator/machinery/label-selector.ts";
import { percentComplaints } from "#orchestrator/machinery/names.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import {
  checkImmutable,
  checkNonNegative,
  checkRequiredSupported,
  checkSelector,
  type Findings,
} from "../check.ts";
import { view } from "../edit.ts";
import { checkPodTemplate } from "../pods/check-spec.ts";

type Errors = readonly FieldError[];

/** The selector must be there, ask for something, and select what is made of the template. */
export function checkTemplateOf(
  into: Findings,
  kind: string,
  spec: { readonly selector?: LabelSelector; readonly template?: PodTemplateSpec },
): void {
  const { selector, template } = spec;
  const known = into.length;
  if (selector === undefined) into.push(required("spec.selector"));
  else {
    checkSelector(into, "spec.selector", selector);
    const isEmpty =
      Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0) === 0;
    if (isEmpty) into.push(invalid("spec.selector", selector, `empty selector is invalid for ${kind}`));
  }
  if (into.length === known) checkSelected(into, selector, template);
  checkPodTemplate(into, "spec.template", template);
}

/** That a sound selector selects what is made of the template. */
export function checkSelected(
  into: Findings,
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
): void {
  const labels = template?.metadata?.labels;
  if (!selects(selector, labels)) into.push(unselected(labels));
}

function unselected(labels: Readonly<Record<string, string>> = {}): FieldError {
  return invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
}

/** What runs for as long as it is wanted is always started again. */
function checkAlwaysRestarts(
  into: Findings,
  template: PodTemplateSpec | undefined,
  kind: "ReplicaSet" | "StatefulSet" = "ReplicaSet",
): void {
  const policy = template?.spec?.restartPolicy;
  if (policy !== undefined && policy !== "Always")
    into.push(notSupported("spec.template.spec.restartPolicy", policy, ["Always"]));
  if (template?.spec?.activeDeadlineSeconds !== undefined)
    into.push(
      forbidden(
        "spec.template.spec.activeDeadlineSeconds",
        `activeDeadlineSeconds in ${kind} is not Supported`,
      ),
    );
}

function checkSameSelector(into: Findings, next: Draft, old: Draft): void {
  const selectorOf = (object: Draft) => view<Deployment>(object).spec.selector;
  checkImmutable(into, "spec.selector", selectorOf(next), selectorOf(old));
}

export function deploymentErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<Deployment>(object);
  checkNonNegative(into, "spec.replicas", spec.replicas);
  checkTemplateOf(into, "deployment", spec);
  checkAlwaysRestarts(into, spec.template);
  checkDeploymentStrategy(into, "spec.strategy", spec.strategy ?? {});
  checkNonNegative(into, "spec.minReadySeconds", spec.minReadySeconds);
  checkNonNegative(into, "spec.revisionHistoryLimit", spec.revisionHistoryLimit);
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  checkNonNegative(into, "spec.progressDeadlineSeconds", deadline);
  if (deadline !== undefined && deadline <= minReadySeconds)
    into.push(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"));
  return into;
}

function checkDeploymentStrategy(
  into: Findings,
  path: string,
  strategy: NonNullable<Deployment["spec"]["strategy"]>,
): void {
  const { type, rollingUpdate } = strategy;
  if (type === "Recreate") {
    if (rollingUpdate !== undefined)
      into.push(
        forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"),
      );
    return;
  }
  if (type !== "RollingUpdate")
    return void into.push(notSupported(`${path}.type`, type ?? "", ["Recreate", "RollingUpdate"]));
  if (rollingUpdate === undefined)
    return void into.push(required(`${path}.rollingUpdate`, "this should be defaulted and never be nil"));
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
  const own = `${path}.rollingUpdate`;
  checkCountOrPercent(into, `${own}.maxUnavailable`, maxUnavailable);
  checkCountOrPercent(into, `${own}.maxSurge`, maxSurge);
  if (isNone(maxUnavailable) && isNone(maxSurge))
    into.push(invalid(`${own}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0"));
  checkAtMostAll(into, `${own}.maxUnavailable`, maxUnavailable);
}

function isNone(value: number | string): boolean {
  return value === 0 || (typeof value === "string" && /^0+%$/.test(value));
}

/** A number that is not negative, or a percentage. */
export function checkCountOrPercent(into: Findings, path: string, value: number | string): void {
  if (typeof value === "number") checkNonNegative(into, path, value);
  else for (const text of percentComplaints(value)) into.push(invalid(path, value, text));
}

export function checkAtMostAll(into: Findings, path: string, value: number | string): void {
  if (typeof value === "string" && /^\d+%$/.test(value) && Number.parseInt(value, 10) > 100)
    into.push(invalid(path, value, "must not be greater than 100%"));
}

export function deploymentUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...deploymentErrors(next)];
  checkSameSelector(into, next, old);
  return into;
}

export function replicaSetErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<ReplicaSet>(object);
  checkNonNegative(into, "spec.replicas", spec.replicas);
  checkNonNegative(into, "spec.minReadySeconds", spec.minReadySeconds);
  checkTemplateOf(into, "deployment", spec);
  checkAlwaysRestarts(into, spec.template);
  return into;
}

export function replicaSetUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...replicaSetErrors(next)];
  checkSameSelector(into, next, old);
  return into;
}

export function replicationControllerErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<ReplicationController>(object);
  checkNonNegative(into, "spec.minReadySeconds", spec.minReadySeconds);
  const selector = spec.selector ?? {};
  if (Object.keys(selector).length === 0) into.push(required("spec.selector"));
  checkNonNegative(into, "spec.replicas", spec.replicas);
  if (spec.template === undefined) into.push(required("spec.template"));
  else {
    const { labels = {} } = spec.template.metadata ?? {};
    if (!Object.entries(selector).every(([key, value]) => labels[key] === value))
      into.push(unselected(labels));
    checkPodTemplate(into, "spec.template", spec.template);
    checkAlwaysRestarts(into, spec.template);
  }
  return into;
}

export function daemonSetErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<DaemonSet>(object);
  checkTemplateOf(into, "daemonset", spec);
  checkAlwaysRestarts(into, spec.template);
  checkNonNegative(into, "spec.minReadySeconds", spec.minReadySeconds);
  checkNonNegative(into, "spec.revisionHistoryLimit", spec.revisionHistoryLimit);
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type !== "OnDelete" && type !== "RollingUpdate")
    into.push(notSupported("spec.updateStrategy", type ?? "", ["OnDelete", "RollingUpdate"]));
  else if (type === "RollingUpdate") checkDaemonRolling(into, rollingUpdate ?? {});
  return into;
}

type DaemonRolling = NonNullable<NonNullable<DaemonSet["spec"]["updateStrategy"]>["rollingUpdate"]>;

function checkDaemonRolling(into: Findings, { maxUnavailable = 0, maxSurge = 0 }: DaemonRolling): void {
  const path = "spec.updateStrategy.rollingUpdate";
  for (const [name, value] of Object.entries({ maxUnavailable, maxSurge })) {
    checkCountOrPercent(into, `${path}.${name}`, value);
    checkAtMostAll(into, `${path}.${name}`, value);
  }
  if (isNone(maxUnavailable) && isNone(maxSurge))
    into.push(required(`${path}.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
  else if (!isNone(maxUnavailable) && !isNone(maxSurge))
    into.push(invalid(`${path}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero"));
}

export function daemonSetUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...daemonSetErrors(next)];
  checkSameSelector(into, next, old);
  return into;
}

export function statefulSetErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<StatefulSet>(object);
  checkRequiredSupported(into, "spec.podManagementPolicy", spec.podManagementPolicy, [
    "OrderedReady",
    "Parallel",
  ]);
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type === "OnDelete") {
    if (rollingUpdate !== undefined)
      into.push(
        invalid(
          "spec.updateStrategy.rollingUpdate",
          rollingUpdate,
          "only allowed for updateStrategy 'RollingUpdate'",
        ),
      );
  } else if (type === "RollingUpdate")
    checkNonNegative(into, "spec.updateStrategy.rollingUpdate.partition", rollingUpdate?.partition);
  else
    into.push(
      invalid("spec.updateStrategy", spec.updateStrategy ?? {}, "must be 'RollingUpdate' or 'OnDelete'"),
    );
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  for (const name of ["whenDeleted", "whenScaled"] as const)
    checkRequiredSupported(into, `spec.persistentVolumeClaimRetentionPolicy.${name}`, policy?.[name], [
      "Delete",
      "Retain",
    ]);
  checkNonNegative(into, "spec.replicas", spec.replicas);
  checkNonNegative(into, "spec.minReadySeconds", spec.minReadySeconds);
  checkNonNegative(into, "spec.ordinals.start", spec.ordinals?.start);
  checkNonNegative(into, "spec.revisionHistoryLimit", spec.revisionHistoryLimit);
  checkTemplateOf(into, "statefulset", withClaims(spec));
  checkAlwaysRestarts(into, spec.template, "StatefulSet");
  return into;
}

/** The specification with volumes where its claims will be. */
function withClaims(spec: StatefulSet["spec"]): Pick<StatefulSet["spec"], "selector" | "template"> {
  const claims = spec.volumeClaimTemplates ?? [];
  if (claims.length === 0 || spec.template?.spec === undefined) return spec;
  const names = new Set(claims.map(({ metadata }) => metadata.name));
  const volumes = [
    ...claims.map(({ metadata }) => ({
      name: metadata.name ?? "",
      persistentVolumeClaim: { claimName: metadata.name ?? "" },
    })),
    ...(spec.template.spec.volumes ?? []).filter(({ name }) => !names.has(name)),
  ];
  return {
    selector: spec.selector,
    template: { ...spec.template, spec: { ...spec.template.spec, volumes } },
  };
}

const updatable = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
];

export function statefulSetUpdateErrors(next: Draft, old: Draft): Errors {
  const into = [...statefulSetErrors(next)];
  const fixed = (object: Draft) =>
    Object.fromEntries(Object.entries(object["spec"] as Draft).filter(([name]) => !updatable.includes(name)));
  if (!isSameJson(fixed(next), fixed(old)))
    into.push(
      forbidden(
        "spec",
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ),
    );
  return into;
}

export function podTemplateErrors(object: Draft): Errors {
  const into: Findings = [];
  checkPodTemplate(into, "template", view<PodTemplate>(object).template);
  return into;
}
