import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PriorityClass } from "#api/kube/types/scheduling.ts";
import type { Admission, AdmissionPlugin } from "./plugin.ts";
import { type AdmissionDeps, findFresh, isFor, objectOf, refuse } from "./support.ts";

const classes = "priorityclasses.scheduling.k8s.io";

/** Pods get the priority of their class; only one class is the default. */
export function priority(deps: AdmissionDeps): AdmissionPlugin {
  return {
    name: "Priority",
    async admit(request, signal) {
      if (!isFor(request, "pods") || request.object === undefined) return;
      if (request.operation === "UPDATE") keepPriority(request);
      else await setPriority(deps, request, signal);
    },
    async validate(request) {
      if (!isFor(request, classes) || request.object === undefined) return;
      const { metadata, globalDefault } = objectOf<PriorityClass>(request);
      if (globalDefault !== true) return;
      for (const other of deps.objects.list<PriorityClass>(classes))
        if (other.globalDefault === true && other.metadata.name !== metadata.name)
          throw refuse(
            request,
            `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
          );
    },
  };
}

function keepPriority(request: Admission): void {
  const { spec } = objectOf<Pod>(request);
  const old = (request.old as unknown as Pod | undefined)?.spec;
  if (spec.priority === undefined && old?.priority !== undefined) spec.priority = old.priority;
  if (spec.preemptionPolicy === undefined && old?.preemptionPolicy !== undefined)
    spec.preemptionPolicy = old.preemptionPolicy;
}

async function setPriority(deps: AdmissionDeps, request: Admission, signal: AbortSignal): Promise<void> {
  const { spec } = objectOf<Pod>(request);
  const name = spec.priorityClassName ?? "";
  const found =
    name === "" ? defaultClass(deps) : await findFresh<PriorityClass>(deps, classes, undefined, name, signal);
  if (name !== "" && found === undefined)
    throw refuse(request, `no PriorityClass with name ${name} was found`);
  const value = found?.value ?? 0;
  const policy = found?.preemptionPolicy ?? "PreemptLowerPriority";
  if (spec.priority !== undefined && spec.priority !== value)
    throw refuse(
      request,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
    throw refuse(
      request,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  if (found?.metadata.name !== undefined) spec.priorityClassName = found.metadata.name;
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

/** Of several that say so the one with the least value. */
function defaultClass({ objects }: AdmissionDeps): PriorityClass | undefined {
  let found: PriorityClass | undefined;
  for (const one of objects.list<PriorityClass>(classes))
    if (one.globalDefault === true && (found === undefined || (one.value ?? 0) < (found.value ?? 0)))
      found = one;
  return found;
}
