import { failure, type StatusError } from "#api/kube/status.ts";
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from "#api/kube/types/admissionregistration.ts";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Authorizer } from "#orchestrator/authz/authorizer.ts";
import { byBytes, goAggregate, goQuote } from "#orchestrator/machinery/go-text.ts";
import { applyJsonPatch } from "#orchestrator/machinery/json-patch.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { Admission, AdmissionPlugin } from "../plugin.ts";
import { refuse, replaceObject } from "../support.ts";
import { meetsConditions, requestVariables } from "./conditions.ts";
import { isAsked, isExempt } from "./matching.ts";
import { admissionRequest, readVerdict, refusal, type Verdict } from "./review.ts";

/**
 * Posts a review to a webhook.
 *
 * @returns the JSON that it answers
 * @throws what keeps it from answering, in Go's words: `Post "https://…": context deadline exceeded`
 */
export type CallWebhook = (
  client: WebhookClientConfig,
  review: Draft,
  timeoutS: number,
  signal: AbortSignal,
) => Promise<unknown>;

export interface WebhookDeps {
  readonly objects: ObjectReader;
  readonly authorizer: Authorizer;
  readonly call: CallWebhook;
  readonly newUid: () => string;
  readonly log: Log;
}

type Webhook = MutatingWebhook | ValidatingWebhook;

const defaultTimeoutS = 10;

/** Webhooks that change what is written, one after the other. @see Kubernetes, "Dynamic Admission Control" */
export function mutatingWebhooks(deps: WebhookDeps): AdmissionPlugin {
  return {
    name: "MutatingAdmissionWebhook",
    async admit(request, signal) {
      if (isExempt(request)) return;
      const all = webhooksOf<MutatingWebhookConfiguration>(
        deps,
        "mutatingwebhookconfigurations",
      ) as readonly MutatingWebhook[];
      /** Those that want to be asked again when others change what they left. */
      const left = new Map<MutatingWebhook, string>();
      for (const webhook of all) {
        await mutate(deps, webhook, request, signal);
        if (webhook.reinvocationPolicy === "IfNeeded")
          left.set(webhook, JSON.stringify(request.object ?? null));
      }
      if (left.size === 0) return;
      const last = JSON.stringify(request.object ?? null);
      for (const [webhook, object] of left) if (object !== last) await mutate(deps, webhook, request, signal);
    },
  };
}

/** Webhooks that only say yes or no, all at once. */
export function validatingWebhooks(deps: WebhookDeps): AdmissionPlugin {
  return {
    name: "ValidatingAdmissionWebhook",
    async validate(request, signal) {
      if (isExempt(request)) return;
      const all = webhooksOf<ValidatingWebhookConfiguration>(deps, "validatingwebhookconfigurations");
      const asked = all.filter((webhook) => isWanted(deps, webhook, request));
      const outcomes = await Promise.allSettled(
        asked.map(async (webhook) => await ask(deps, webhook, request, signal)),
      );
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    },
  };
}

function webhooksOf<T extends MutatingWebhookConfiguration | ValidatingWebhookConfiguration>(
  { objects }: WebhookDeps,
  resource: string,
): readonly Webhook[] {
  return [...objects.list<T>(`${resource}.admissionregistration.k8s.io`)]
    .sort((a, b) => byBytes(a.metadata.name ?? "", b.metadata.name ?? ""))
    .flatMap(({ webhooks = [] }) => webhooks as readonly Webhook[]);
}

function isWanted(deps: WebhookDeps, webhook: Webhook, request: Admission): boolean {
  const { rules = [], namespaceSelector, objectSelector, matchConditions = [] } = webhook;
  const constraints = {
    rules,
    ...(namespaceSelector !== undefined && { namespaceSelector }),
    ...(objectSelector !== undefined && { objectSelector }),
  };
  if (!isAsked(constraints, request, deps.objects)) return false;
  if (matchConditions.length === 0) return true;
  const met = meetsConditions(matchConditions, requestVariables(deps.authorizer, request, deps.newUid()));
  if (typeof met === "boolean") return met;
  if (webhook.failurePolicy === "Ignore") return false;
  throw refuse(request, goAggregate(met.errors));
}

async function mutate(
  deps: WebhookDeps,
  webhook: MutatingWebhook,
  request: Admission,
  signal: AbortSignal,
): Promise<void> {
  if (!isWanted(deps, webhook, request)) return;
  const verdict = await ask(deps, webhook, request, signal);
  if (verdict?.patch === undefined || verdict.patch.length === 0 || request.object === undefined) return;
  try {
    const next = applyJsonPatch(request.object, verdict.patch as readonly object[]) as Draft;
    replaceObject(request.object, next);
  } catch (error) {
    throw internal(messageOf(error));
  }
  request.resource.strategy.prune?.(request.object);
  if (request.subresource === "") request.resource.strategy.default?.(request.object);
}

/**
 * Asks a webhook.
 *
 * @returns undefined when it does not answer, and that is to be ignored
 * @throws {StatusError} when it says no, or does not answer
 */
async function ask(
  deps: WebhookDeps,
  webhook: Webhook,
  request: Admission,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const { name, sideEffects, timeoutSeconds = defaultTimeoutS, clientConfig } = webhook;
  if (request.isDryRun && sideEffects !== "None" && sideEffects !== "NoneOnDryRun")
    throw failure("BadRequest", `admission webhook ${goQuote(name)} does not support dry run`);
  const uid = deps.newUid();
  const review = {
    kind: "AdmissionReview",
    apiVersion: versionOf(webhook),
    request: admissionRequest(request, uid),
  };
  let verdict: Verdict | { readonly error: string };
  try {
    verdict = readVerdict(await deps.call(clientConfig, review, timeoutSeconds, signal), uid);
  } catch (error) {
    signal.throwIfAborted();
    verdict = { error: messageOf(error) };
  }
  if ("error" in verdict) return unanswered(deps, webhook, verdict.error);
  for (const text of verdict.warnings) request.warn(text);
  for (const [key, value] of Object.entries(verdict.annotations)) request.annotate(`${name}/${key}`, value);
  if (!verdict.isAllowed) throw refusal(name, verdict.status);
  return verdict;
}

function versionOf({ admissionReviewVersions }: Webhook): string {
  const version = admissionReviewVersions.find((each) => each === "v1" || each === "v1beta1") ?? "v1";
  return `admission.k8s.io/${version}`;
}

function unanswered({ log }: WebhookDeps, { name, failurePolicy }: Webhook, error: string): undefined {
  if (failurePolicy !== "Ignore")
    throw internal(`failed calling webhook ${goQuote(name)}: failed to call webhook: ${error}`);
  log.warn("a webhook does not answer, and is left out", { webhook: name, error });
  return undefined;
}

function internal(text: string): StatusError {
  return failure("InternalError", `Internal error occurred: ${text}`, { causes: [{ message: text }] });
}
