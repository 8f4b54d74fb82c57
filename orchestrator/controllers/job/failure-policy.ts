import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Job, PodFailurePolicyRule } from "#api/kube/types/batch.ts";

export type FailureVerdict =
  | { readonly is: "count" }
  | { readonly is: "ignore" }
  | { readonly is: "fail-index" }
  | { readonly is: "fail-job"; readonly message: string };

/** What a failed pod means by the Job's policy: the first rule that matches says so. */
export function verdictOn({ spec }: Job, pod: Pod): FailureVerdict {
  if (pod.status?.phase !== "Failed") return { is: "count" };
  for (const [at, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const why = matchOf(rule, pod);
    if (why === undefined) continue;
    if (rule.action === "Ignore") return { is: "ignore" };
    if (rule.action === "Count") return { is: "count" };
    if (rule.action === "FailIndex") return { is: "fail-index" };
    return { is: "fail-job", message: `${why} matching FailJob rule at index ${at}` };
  }
  return { is: "count" };
}

function matchOf({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes;
    const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    for (const { name: container, state } of all) {
      const code = state?.terminated?.exitCode;
      if (code === undefined || code === 0 || (containerName !== undefined && containerName !== container))
        continue;
      if (values.includes(code) === (operator === "In"))
        return `Container ${container} for pod ${name} failed with exit code ${code}`;
    }
    return undefined;
  }
  for (const { type, status = "True" } of onPodConditions ?? [])
    if (pod.status?.conditions?.some((one) => one.type === type && one.status === status))
      return `Pod ${name} has condition ${type}`;
  return undefined;
}
