import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { forbidden, invalid } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import type { Findings } from "../check.ts";
import { view } from "../edit.ts";
import { checkPodSpec } from "./check-spec.ts";
import { qosClassOf } from "./qos.ts";

type Amounts = Readonly<Record<string, string>>;

/**
 * What is wrong with an update of `pods/resize`, which may change how much processor and memory containers and sidecars get, and nothing
 * else.
 *
 * @see Kubernetes, "Resize CPU and Memory Resources assigned to Containers"
 */
export function podResizeErrors(next: Draft, old: Draft): readonly FieldError[] {
  const into: Findings = [];
  const [pod, before] = [view<Pod>(next), view<Pod>(old)];
  checkPodSpec(into, "spec", pod.spec);
  if (before.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined)
    return [forbidden("", "static pods cannot be resized")];
  const qosClass = before.status?.qosClass ?? qosClassOf(before.spec);
  if (qosClassOf(pod.spec) !== qosClass)
    into.push(invalid("spec", qosClass, "Pod QOS Class may not change as a result of resizing"));
  for (const name of ["initContainers", "containers"] as const) {
    for (const [at, container] of (before.spec[name] ?? []).entries()) {
      const changed = pod.spec[name]?.[at];
      if (changed === undefined) continue;
      checkResize(into, `spec.${name}[${at}].resources`, changed, container, name === "initContainers");
    }
  }
  return into;
}

function checkResize(into: Findings, path: string, next: Container, old: Container, isInit: boolean): void {
  if (isInit && old.restartPolicy !== "Always") {
    if (!isSameJson(next.resources, old.resources))
      into.push(forbidden("spec", "resources for non-sidecar init containers are immutable"));
    return;
  }
  for (const name of ["requests", "limits"] as const) {
    const [given, before] = [next.resources?.[name] ?? {}, old.resources?.[name] ?? {}];
    if (Object.keys(before).some((key) => !Object.hasOwn(given, key)))
      into.push(forbidden(`${path}.${name}`, `resource ${name} cannot be removed`));
    if (!isSameJson(fixed(given), fixed(before))) {
      const whose = isInit ? "resources for sidecar containers" : "resources";
      into.push(forbidden("spec", `only cpu and memory ${whose} are mutable`));
    }
  }
}

/** What cannot be resized. */
function fixed(amounts: Amounts): Amounts {
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => name !== "cpu" && name !== "memory"));
}
