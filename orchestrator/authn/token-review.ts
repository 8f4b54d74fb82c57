import { failure } from "#api/kube/status.ts";
import { isFault } from "#base/fault.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { TokenAuthenticator } from "./token-authenticator.ts";
import type { User } from "./user.ts";

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
    status: await statusOf(tokens, token, wanted, signal),
  };
}

async function statusOf(
  tokens: readonly TokenAuthenticator[],
  token: string,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<Draft> {
  const errors: string[] = [];
  for (const one of tokens)
    try {
      const owner = await one.authenticateToken(token, wanted, signal);
      if (owner === undefined) continue;
      // One that knows no audiences is the API server's.
      return {
        authenticated: true,
        user: userInfo(owner.user),
        audiences: owner.audiences.length > 0 ? owner.audiences : wanted,
      };
    } catch (error) {
      if (!isFault(error, "unauthorized")) throw error;
      errors.push(error.message);
    }
  const [first = "invalid bearer token"] = errors;
  return { user: {}, error: errors.length > 1 ? `[${errors.join(", ")}]` : first };
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

/** @see Kubernetes API 1.36, authentication/v1 UserInfo */
export function userInfo({ name, uid, groups, extra }: User): Draft {
  return {
    ...(name !== "" && { username: name }),
    ...(uid !== undefined && uid !== "" && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(extra !== undefined && Object.keys(extra).length > 0 && { extra }),
  };
}
