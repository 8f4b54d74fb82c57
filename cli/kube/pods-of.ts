import { setTimeout as sleep } from "node:timers/promises";
import type { LabelSelector } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { pods as podResource } from "#client/kube/resources.ts";
import { formatLabelSelector, requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { KubeFailure } from "./failure.ts";
import type { KubeFields } from "./manifests.ts";
import { readObjects } from "./read-objects.ts";
import type { Kube } from "./session.ts";
import { findTargets, type ObjectTarget } from "./targets.ts";

/** The object that a word names: a pod, or TYPE/NAME. @throws {KubeFailure} @throws {StatusError} */
export async function findObject(
  kube: Kube,
  word: string,
  signal: AbortSignal,
): Promise<{ readonly target: ObjectTarget; readonly object: KubeFields }> {
  const words = word.includes("/") ? [word] : ["pods", word];
  const choice = { filename: [], recursive: false, selector: undefined, takesAll: false };
  const [target] = await findTargets(kube, words, choice, signal);
  if (target?.is !== "object") throw new KubeFailure("error: expected a resource");
  const [object = {}] = await readObjects(kube, target, {}, signal);
  return { target, object };
}

/** The labels of the pods of an object that has some. @throws {KubeFailure} for a kind that has none */
export function podSelectorOf({ kind = "", metadata, ...object }: KubeFields, what: string): string {
  const { selector } = (object["spec"] ?? {}) as { readonly selector?: unknown };
  switch (kind) {
    case "Deployment":
    case "ReplicaSet":
    case "StatefulSet":
    case "DaemonSet":
    case "Job":
      return formatLabelSelector(requirementsOf(selector as LabelSelector) ?? []);
    case "ReplicationController":
      return setText(selector);
    case "Service": {
      const text = setText(selector);
      if (text !== "") return text;
      throw new KubeFailure(
        `error: ${what}: invalid service '${metadata?.name}': Service is defined without a selector`,
      );
    }
    default:
      throw new KubeFailure(`error: ${what}: selector for *${goType(kind)} not implemented`);
  }
}

function goType(kind: string): string {
  return `v1.${kind}`;
}

function setText(labels: unknown): string {
  return Object.entries((labels ?? {}) as Readonly<Record<string, string>>)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

const lookMs = 500;

/** Pods with the labels; waits until there is one, for so long. @throws {KubeFailure} when there is none by then */
export async function listPods(
  kube: Kube,
  namespace: string,
  labelSelector: string,
  patienceMs: number,
  signal: AbortSignal,
): Promise<readonly Pod[]> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { items } = await kube.of(podResource).list({ namespace, labelSelector }, signal);
    if (items.length > 0) return items;
    if (performance.now() > deadline) throw new KubeFailure("error: timed out waiting for the condition");
    await sleep(lookMs, undefined, { signal });
  }
}

/** Best first: on a node, running, ready, for long; then as `restarts` has it; then older. */
export function sortPods(pods: readonly Pod[], restarts: "most-first" | "fewest-first"): readonly Pod[] {
  const sign = restarts === "most-first" ? -1 : 1;
  const keys = (pod: Pod): readonly number[] => [
    (pod.spec?.nodeName ?? "") === "" ? 1 : 0,
    phases.indexOf(pod.status?.phase ?? ""),
    isReady(pod) ? 0 : 1,
    isReady(pod) ? timeOf(condition(pod)?.lastTransitionTime) : 0,
    sign * mostRestarts(pod),
    timeOf(pod.metadata.creationTimestamp),
  ];
  return pods.toSorted((a, b) => {
    const [x, y] = [keys(a), keys(b)];
    return x.map((key, at) => key - (y[at] ?? 0)).find((difference) => difference !== 0) ?? 0;
  });
}

const phases = ["Running", "Unknown", "Pending"];

function condition({ status }: Pod) {
  return status?.conditions?.find(({ type }) => type === "Ready");
}

function isReady(pod: Pod): boolean {
  return condition(pod)?.status === "True";
}

function timeOf(time: string | null | undefined): number {
  return time === undefined || time === null ? Number.MAX_SAFE_INTEGER : Date.parse(time);
}

function mostRestarts({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
}

/** The pod that a word names, or the best one of what it names. @throws {KubeFailure} @throws {StatusError} */
export async function findPod(
  kube: Kube,
  word: string,
  patienceMs: number,
  signal: AbortSignal,
): Promise<{ readonly pod: Pod; readonly object: KubeFields }> {
  const { object } = await findObject(kube, word, signal);
  if (object.kind === "Pod") return { pod: object as unknown as Pod, object };
  const selector = podSelectorOf(object, `cannot attach to *${goType(object.kind ?? "")}`);
  const found = await listPods(
    kube,
    object.metadata?.namespace ?? kube.namespace,
    selector,
    patienceMs,
    signal,
  );
  const [pod] = sortPods(found, "fewest-first");
  if (pod === undefined) throw new KubeFailure("error: no pods found");
  return { pod, object };
}

/** Names of all containers, with what they are where they are not the usual ones. */
export function containerNames({ spec }: Pod): string {
  const all = [
    ...(spec?.containers ?? []).map(({ name }) => name),
    ...(spec?.ephemeralContainers ?? []).map(({ name }) => `${name} (ephem)`),
    ...(spec?.initContainers ?? []).map(({ name }) => `${name} (init)`),
  ];
  return all.join(", ");
}

export function hasContainer({ spec }: Pod, name: string): boolean {
  const all = [spec?.containers, spec?.initContainers, spec?.ephemeralContainers];
  return all.some((containers) => containers?.some((container) => container.name === name));
}

/** The container that is meant when none is named. `tell` hears which one where there are several. */
export function defaultContainer(pod: Pod, tell: (text: string) => void): string {
  const { spec, metadata } = pod;
  const annotated = metadata.annotations?.["kubectl.kubernetes.io/default-container"] ?? "";
  if (annotated !== "") {
    if (hasContainer(pod, annotated)) return annotated;
    tell(`Default container name ${JSON.stringify(annotated)} not found in pod ${metadata.name}\n`);
  }
  const first = spec?.containers[0]?.name ?? "";
  const count =
    (spec?.containers.length ?? 0) +
    (spec?.initContainers?.length ?? 0) +
    (spec?.ephemeralContainers?.length ?? 0);
  if (count > 1) tell(`Defaulted container ${JSON.stringify(first)} out of: ${containerNames(pod)}\n`);
  return first;
}

/** @throws {KubeFailure} */
export function checkContainer(pod: Pod, name: string): void {
  if (hasContainer(pod, name)) return;
  throw new KubeFailure(
    `error: container ${name} is not valid for pod ${pod.metadata.name} out of: ${containerNames(pod)}`,
  );
}
