import type { DeleteOptions, KubeObject, LabelSelector } from "#api/kube/meta.ts";
import { failure, StatusError } from "#api/kube/status.ts";
import { selects } from "#orchestrator/machinery/label-selector.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { type ApiAnswer, successAnswer } from "../api-request.ts";
import { expectedType, readBody } from "../body.ts";
import { notFound } from "../errors.ts";
import { deleteObject } from "../registry/delete.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { updateObject } from "../registry/update.ts";
import { metadataOf, type WriteRequest } from "../registry/write-request.ts";
import { type ResourceScope, writeRequestOf } from "./resource-scope.ts";

interface Pod extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface Budget extends KubeObject {
  readonly spec?: { readonly selector?: LabelSelector; readonly unhealthyPodEvictionPolicy?: string };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly disruptionsAllowed?: number;
    readonly currentHealthy?: number;
    readonly desiredHealthy?: number;
    readonly disruptedPods?: Readonly<Record<string, string>>;
  };
}

const refusal = "Cannot evict pod as it would violate the pod's disruption budget.";
/** More evictions that no controller has seen yet are not taken on. */
const disruptedMost = 2000;

/** `pods/eviction`: deletes a pod if its disruption budget allows it. @see Kubernetes API 1.36, policy/v1 Eviction */
export async function answerEviction(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { request, info } = scope;
  const { signal } = request;
  const name = info.name ?? "";
  const namespace = info.namespace ?? "";
  const { object } = await readBody(
    request,
    expectedType("policy", "v1", "Eviction", "io.k8s.api.policy.v1.Eviction"),
  );
  const given = metadataOf(object).name ?? "";
  if (given !== "" && given !== name)
    throw failure("BadRequest", "name in URL does not match name in Eviction object");
  const options = (object["deleteOptions"] ?? {}) as DeleteOptions;
  const write = { ...writeRequestOf(scope, options as Draft), subresource: "" };
  await deps.cache.fresh(signal);
  const pod = deps.cache.resource("core/pods").find(namespace, name)?.object as Pod | undefined;
  if (pod === undefined) throw notFound({ group: "", resource: "pods" }, name);
  const budget = isWithoutBudget(pod) ? undefined : budgetFor(deps, pod, namespace);
  if (budget !== undefined && !isFreeToGo(pod, budget)) await takeFrom(deps, write, budget, name, signal);
  if (!write.isDryRun) await tell(deps, write, name, signal);
  await deleteObject(deps, write, name, withUid(options, pod), signal);
  return successAnswer(201);
}

/** The pod whose budget was asked, and no other that has got its name since. */
function withUid(options: DeleteOptions, { metadata: { uid } }: Pod): DeleteOptions {
  return uid === undefined ? options : { ...options, preconditions: { uid, ...options.preconditions } };
}

function isWithoutBudget({ status = {}, metadata }: Pod): boolean {
  return (
    metadata.deletionTimestamp !== undefined ||
    status.phase === "Succeeded" ||
    status.phase === "Failed" ||
    status.phase === "Pending"
  );
}

function budgetFor({ cache }: RegistryDeps, pod: Pod, namespace: string): Budget | undefined {
  const budgets = cache
    .resource("policy/poddisruptionbudgets")
    .list(namespace)
    .map(({ object }) => object as Budget)
    .filter(({ spec }) => selects(spec?.selector, pod.metadata.labels));
  if (budgets.length > 1)
    throw failure(
      "InternalError",
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    );
  return budgets[0];
}

/** A pod that is not ready does not count among the healthy ones. */
function isFreeToGo({ status }: Pod, { spec, status: state = {} }: Budget): boolean {
  const isReady =
    status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
  if (isReady) return false;
  if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = state;
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

async function takeFrom(
  deps: RegistryDeps,
  write: WriteRequest,
  budget: Budget,
  pod: string,
  signal: AbortSignal,
): Promise<void> {
  const definition = deps.resources.find("policy", "v1", "poddisruptionbudgets");
  if (definition === undefined) throw new Error("there are no disruption budgets");
  await updateObject(
    deps,
    { ...write, definition, subresource: "status" },
    {
      name: budget.metadata.name ?? "",
      make: (old = {}) => decremented(old as unknown as Budget, pod, deps.now()),
      prepare: () => {},
      validate: () => [],
      mayCreate: false,
      isRepeatable: true,
    },
    signal,
  );
}

function decremented(budget: Budget, pod: string, now: Date): Draft {
  const { metadata, status = {} } = budget;
  const { disruptionsAllowed = 0, disruptedPods = {}, desiredHealthy = 0, currentHealthy = 0 } = status;
  const name = metadata.name ?? "";
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
  const refuse = (why: string) =>
    failure("Forbidden", `poddisruptionbudgets.policy "${name}" is forbidden: ${why}`, {
      name,
      group: "policy",
      kind: "poddisruptionbudgets",
    });
  if (disruptionsAllowed < 0) throw refuse("pdb disruptions allowed is negative");
  if (Object.keys(disruptedPods).length > disruptedMost)
    throw refuse("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
  if (disruptionsAllowed === 0)
    throw tooMany(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    );
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [pod]: timeText(now) },
    },
  };
}

function tooMany(message: string, retryAfterSeconds?: number): StatusError {
  const { status } = failure("TooManyRequests", refusal, {
    causes: [{ reason: "DisruptionBudget", message }],
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
  return new StatusError(status);
}

/** The pod's own status says why it goes. */
async function tell(
  deps: RegistryDeps,
  write: WriteRequest,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await updateObject(
    deps,
    { ...write, subresource: "status" },
    {
      name,
      make(old = {}) {
        const status = (old["status"] ?? {}) as Draft;
        const conditions = (status["conditions"] ?? []) as { readonly type: string }[];
        const condition = {
          type: "DisruptionTarget",
          status: "True",
          lastProbeTime: null,
          lastTransitionTime: timeText(deps.now()),
          reason: "EvictionByEvictionAPI",
          message: "Eviction API: evicting",
        };
        const others = conditions.filter(({ type }) => type !== condition.type);
        old["status"] = { ...status, conditions: [...others, condition] };
        return old;
      },
      prepare: () => {},
      validate: () => [],
      mayCreate: false,
      isRepeatable: true,
    },
    signal,
  );
}
