import { randomUUID } from "node:crypto";
import type { Log } from "#base/log.ts";
import type { Pki } from "#orchestrator/pki/pki.ts";
import { type ApiAnswer, jsonAnswer } from "#orchestrator/apiserver/api-request.ts";
import type { VirtualResource } from "#orchestrator/apiserver/handlers/dispatch.ts";
import type { AccessControl, AccessParts } from "#orchestrator/apiserver/open-api.ts";
import { mergedAtom } from "#orchestrator/apiserver/registry/managed-fields.ts";
import type { ResourceTable } from "#orchestrator/apiserver/registry/resource-table.ts";
import { httpsWebhooks } from "#orchestrator/apiserver/webhooks/https-caller.ts";
import { BootstrapTokens } from "#orchestrator/authn/bootstrap-tokens.ts";
import { chainAuthenticator } from "#orchestrator/authn/authenticators.ts";
import { publicJwk, type SigningKey, signingKeyOf } from "#orchestrator/authn/json-web-token.ts";
import { ServiceAccountTokens } from "#orchestrator/authn/service-account-tokens.ts";
import type { TokenAuthenticator } from "#orchestrator/authn/token-authenticator.ts";
import { createToken } from "#orchestrator/authn/token-request.ts";
import { reviewSelf, reviewToken } from "#orchestrator/authn/token-review.ts";
import { type AccessReviewKind, reviewAccess } from "#orchestrator/authz/access-review.ts";
import { nodeRules } from "#orchestrator/authz/bootstrap-cluster-roles.ts";
import { NodeAuthorizer } from "#orchestrator/authz/node-authorizer.ts";
import { NodeGraph } from "#orchestrator/authz/node-graph.ts";
import { privilegedGroup, unionAuthorizer } from "#orchestrator/authz/authorizers.ts";
import { RbacAuthorizer } from "#orchestrator/authz/rbac-authorizer.ts";
import { RbacIndex } from "#orchestrator/authz/rbac-index.ts";
import { checkNodeToken } from "#orchestrator/authz/node-token.ts";
import { reviewRules } from "#orchestrator/authz/rules-review.ts";
import { mutatingPolicies } from "#orchestrator/admission/callouts/mutating-policies.ts";
import { validatingPolicies } from "#orchestrator/admission/callouts/policies.ts";
import { mutatingWebhooks, validatingWebhooks } from "#orchestrator/admission/callouts/webhooks.ts";
import { defaultPlugins } from "#orchestrator/admission/default-plugins.ts";
import { randomName } from "#orchestrator/machinery/generate-name.ts";
import { rbacEscalation } from "./rbac-escalation.ts";

/** What the API server's tokens are for, unless a request says otherwise. */
export const tokenIssuer = "https://kubernetes.default.svc.cluster.local";

export interface AccessOptions {
  readonly pki: () => Pki;
  readonly now: () => Date;
  readonly log: Log;
}

/** Who may do what in the cluster: certificates and tokens, nodes and roles, and the reviews that tell about them. */
export function openAccess(
  { cache, resources }: AccessParts,
  { pki, now, log }: AccessOptions,
): AccessControl {
  const apiAudiences = [tokenIssuer];
  const key = signingKeyOf(pki().tokenKey);
  const accountTokens = new ServiceAccountTokens({
    keys: [key],
    issuer: tokenIssuer,
    apiAudiences,
    objects: cache,
    now,
    newId: randomUUID,
  });
  const tokens: readonly TokenAuthenticator[] = [accountTokens, new BootstrapTokens({ objects: cache, now })];
  const index = new RbacIndex(cache);
  const rbac = new RbacAuthorizer(index);
  const nodes = new NodeAuthorizer(new NodeGraph(cache), nodeRules);
  const authorizer = unionAuthorizer([privilegedGroup("system:masters"), nodes, rbac]);
  const review = (kind: AccessReviewKind): VirtualResource => {
    return async (body, { user, info: { namespace } }) =>
      reviewAccess(authorizer, { kind, body, user, ...(namespace !== undefined && { namespace }) });
  };
  const findKind: ResourceTable["findKind"] = (...kind) => resources.findKind(...kind);
  const callouts = { objects: cache, authorizer, call: httpsWebhooks(cache), newUid: randomUUID, log };
  const plugins = defaultPlugins(
    {
      objects: cache,
      fresh: (signal) => cache.fresh(signal),
      authorizer,
      now,
      newSuffix: () => randomName(5, Math.random),
    },
    [],
    [
      rbacEscalation({ authorizer, rbac, index }),
      mutatingPolicies({ ...callouts, findKind, atomOf: mergedAtom }),
      mutatingWebhooks(callouts),
      validatingPolicies({ ...callouts, findKind }),
      validatingWebhooks(callouts),
    ],
  );
  return {
    authenticator: chainAuthenticator({ tokens, apiAudiences, allowsAnonymous: true }),
    authorizer,
    plugins,
    virtual: new Map<string, VirtualResource>([
      ["authorization.k8s.io/selfsubjectaccessreviews", review("SelfSubjectAccessReview")],
      ["authorization.k8s.io/subjectaccessreviews", review("SubjectAccessReview")],
      ["authorization.k8s.io/localsubjectaccessreviews", review("LocalSubjectAccessReview")],
      [
        "authorization.k8s.io/selfsubjectrulesreviews",
        async (body, { user }) => reviewRules(rbac, user, body),
      ],
      [
        "authentication.k8s.io/tokenreviews",
        async (body, { request: { signal } }) => await reviewToken({ tokens, apiAudiences }, body, signal),
      ],
      ["authentication.k8s.io/selfsubjectreviews", async (_body, { user }) => reviewSelf(user, now())],
      [
        "core/serviceaccounts/token",
        async (body, { user, info: { namespace = "", name = "" }, request: { signal } }) => {
          await cache.fresh(signal);
          checkNodeToken(cache, user, { namespace, name }, body);
          return await createToken(
            { tokens: accountTokens, objects: cache },
            { namespace, name },
            body,
            signal,
          );
        },
      ],
    ]),
    paths: openIdPaths(key),
  };
}

/** What others need to check tokens themselves. @see OpenID Connect Discovery 1.0 */
function openIdPaths(key: SigningKey): AccessControl["paths"] {
  const configuration = {
    issuer: tokenIssuer,
    jwks_uri: `${tokenIssuer}/openid/v1/jwks`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  };
  const cached = { "cache-control": "public, max-age=3600" };
  return new Map<string, () => Promise<ApiAnswer>>([
    ["/.well-known/openid-configuration", async () => jsonAnswer(200, configuration, cached)],
    [
      "/openid/v1/jwks",
      async () =>
        jsonAnswer(
          200,
          { keys: [publicJwk(key)] },
          { ...cached, "content-type": "application/jwk-set+json" },
        ),
    ],
  ]);
}
