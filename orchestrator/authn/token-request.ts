import type { KubeObject } from "#api/kube/meta.ts";
import { failure, type StatusError } from "#api/kube/status.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { type Reference, referenceTo } from "./service-account-claims.ts";
import type { ServiceAccountTokens } from "./service-account-tokens.ts";

const DEFAULT_S = 3600;
const LEAST_S = 600;
const MOST_S = 2 ** 32;

export interface TokenRequest {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: {
    readonly audiences?: readonly string[];
    readonly expirationSeconds?: number;
    readonly boundObjectRef?: {
      readonly kind?: string;
      readonly apiVersion?: string;
      readonly name?: string;
      readonly uid?: string;
    };
  };
}

interface Pod extends KubeObject {
  readonly spec?: { readonly serviceAccountName?: string; readonly nodeName?: string };
}

export interface TokenRequestDeps {
  readonly tokens: ServiceAccountTokens;
  readonly objects: ObjectReader;
  /** Called for what the cache may not have seen yet: reads it from the store. */
  readonly get?: (
    resource: string,
    namespace: string | undefined,
    name: string,
    signal: AbortSignal,
  ) => Promise<KubeObject | undefined>;
}

export interface AccountName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * `POST …/serviceaccounts/NAME/token`: a token for the account, bound to what the request names.
 *
 * @throws {StatusError} as upstream does: `NotFound`, `BadRequest`, `Conflict`, `Invalid`
 * @see Kubernetes API 1.36, authentication/v1 TokenRequest
 */
export async function createToken(
  deps: TokenRequestDeps,
  of: AccountName,
  request: TokenRequest,
  signal: AbortSignal,
): Promise<Draft> {
  checkNames(of, request);
  const { audiences = [], expirationSeconds = DEFAULT_S, boundObjectRef } = request.spec ?? {};
  checkExpiration(of.name, expirationSeconds);
  const account = await getObject(deps, "serviceaccounts", of.namespace, of.name, signal);
  const bound = boundObjectRef === undefined ? {} : await findBound(deps, of, boundObjectRef, signal);
  const finalAudiences = audiences.length === 0 ? deps.tokens.apiAudiences : audiences;
  const { token, claims } = deps.tokens.issue({
    audiences: finalAudiences,
    expirationS: expirationSeconds,
    account,
    ...bound,
  });
  const expires = new Date((claims.iat + expirationSeconds) * 1000);
  const format = (date: Date) => date.toISOString().replace(/\.\d+Z$/, "Z");
  return {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: {
      name: of.name,
      namespace: of.namespace,
      creationTimestamp: format(new Date(claims.iat * 1000)),
    },
    spec: {
      audiences: finalAudiences,
      expirationSeconds,
      boundObjectRef: boundObjectRef ?? null,
    },
    status: { token, expirationTimestamp: format(expires) },
  };
}

function checkNames({ namespace, name }: AccountName, { metadata = {} }: TokenRequest): void {
  if (metadata.name !== undefined && metadata.name !== "" && metadata.name !== name)
    throw failure(
      "BadRequest",
      `name on the URL (${name}) does not match name on the token request (${metadata.name})`,
    );
  if (metadata.namespace !== undefined && metadata.namespace !== "" && metadata.namespace !== namespace)
    throw failure("BadRequest", "namespace in URL does not match namespace on the token request");
}

function checkExpiration(name: string, seconds: number): void {
  const problem =
    seconds < LEAST_S
      ? "may not specify a duration less than 10 minutes"
      : seconds > MOST_S
        ? "may not specify a duration larger than 2^32 seconds"
        : undefined;
  if (problem === undefined) return;
  const message = `Invalid value: ${seconds}: ${problem}`;
  throw failure(
    "Invalid",
    `TokenRequest.authentication.k8s.io "${name}" is invalid: spec.expirationSeconds: ${message}`,
    {
      name,
      group: "authentication.k8s.io",
      kind: "TokenRequest",
      causes: [{ reason: "FieldValueInvalid", message, field: "spec.expirationSeconds" }],
    },
  );
}

async function findBound(
  deps: TokenRequestDeps,
  { namespace, name }: AccountName,
  ref: NonNullable<NonNullable<TokenRequest["spec"]>["boundObjectRef"]>,
  signal: AbortSignal,
): Promise<{ readonly pod?: KubeObject; readonly secret?: KubeObject; readonly node?: Reference }> {
  const { kind = "", apiVersion = "", name: boundName = "" } = ref;
  if (apiVersion !== "v1" && apiVersion !== "") throw unbindable(apiVersion, kind);
  switch (kind) {
    case "Pod": {
      const pod = (await getObject(deps, "pods", namespace, boundName, signal)) as Pod;
      const running = pod.spec?.serviceAccountName ?? "";
      if (running !== name)
        throw failure(
          "BadRequest",
          `cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with serviceaccount ${JSON.stringify(running)}`,
        );
      checkUid("Pod", ref, pod);
      const nodeName = pod.spec?.nodeName ?? "";
      return nodeName === "" ? { pod } : { pod, node: nodeReference(deps, nodeName) };
    }
    case "Secret": {
      const secret = await getObject(deps, "secrets", namespace, boundName, signal);
      checkUid("Secret", ref, secret);
      return { secret };
    }
    case "Node": {
      const node = await getObject(deps, "nodes", undefined, boundName, signal);
      checkUid("Node", ref, node);
      return { node: referenceTo(node) };
    }
    default:
      throw unbindable(apiVersion, kind);
  }
}

/** Its UID where it is known: a node may have gone while its pods are still there. */
function nodeReference({ objects }: TokenRequestDeps, name: string): Reference {
  const node = objects.find("nodes", undefined, name);
  return { name, uid: node?.metadata.uid ?? "" };
}

function checkUid(
  kind: string,
  { uid, name }: { readonly uid?: string; readonly name?: string },
  object: KubeObject,
): void {
  if (uid === undefined || uid === "" || uid === object.metadata.uid) return;
  const problem = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  throw failure("Conflict", `Operation cannot be fulfilled on ${kind} "${name}": ${problem}`, {
    name: name ?? "",
    kind,
  });
}

function unbindable(apiVersion: string, kind: string): StatusError {
  const [version = "", group = ""] = apiVersion.split("/").toReversed();
  return failure("BadRequest", `cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
}

async function getObject(
  { objects, get }: TokenRequestDeps,
  resource: string,
  namespace: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<KubeObject> {
  const found = objects.find(resource, namespace, name) ?? (await get?.(resource, namespace, name, signal));
  if (found === undefined)
    throw failure("NotFound", `${resource} "${name}" not found`, { name, kind: resource });
  return found;
}
