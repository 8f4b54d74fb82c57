import { failure } from "#api/kube/status.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { askTokens, type TokenAnswer } from "./authenticators.ts";
import type { TokenAuthenticator } from "./token-authenticator.ts";
import { type User, userInfo } from "./user.ts";

export interface TokenReviewRequest {
  readonly metadata?: object;
  readonly spec?: { readonly token?: string; readonly audiences?: readonly string[] };
}

export interface TokenReviewDeps {
  readonly tokens: readonly TokenAuthenticator[];
  readonly apiAudiences: readonly string[];
}

/**
 * Whose a token is.
 *
 * @throws {StatusError} `BadRequest` without a token
 * @see Kubernetes API 1.36, authentication/v1 TokenReview
 */
export async function reviewToken(
  { tokens, apiAudiences }: TokenReviewDeps,
  request: TokenReviewRequest,
  signal: AbortSignal,
): Promise<Draft> {
  const { token = "", audiences = [] } = request.spec ?? {};
  if (token === "") throw failure("BadRequest", "token is required for TokenReview in authentication");
  const wanted = audiences.length === 0 ? apiAudiences : audiences;
  return {
    kind: "TokenReview",
    apiVersion: "authentication.k8s.io/v1",
    metadata: request.metadata ?? {},
    spec: { token, ...(audiences.length > 0 && { audiences }) },
    status: statusOf(await askTokens(tokens, token, wanted, signal), wanted),
  };
}

function statusOf({ owner, errors }: TokenAnswer, wanted: readonly string[]): Draft {
  if (owner === undefined) {
    const [first = "invalid bearer token"] = errors;
    return { user: {}, error: errors.length > 1 ? `[${errors.join(", ")}]` : first };
  }
  // One that knows no audiences is the API server's.
  const audiences = owner.audiences.length > 0 ? owner.audiences : wanted;
  return { authenticated: true, user: userInfo(owner.user), audiences };
}

/** Who makes the request. @see Kubernetes API 1.36, authentication/v1 SelfSubjectReview */
export function reviewSelf(user: User, now: Date): Draft {
  return {
    kind: "SelfSubjectReview",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { creationTimestamp: now.toISOString().replace(/\.\d+Z$/, "Z") },
    status: { userInfo: userInfo(user) },
  };
}
