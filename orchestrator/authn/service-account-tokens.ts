import type { KubeObject } from "#api/kube/meta.ts";
import { Fault } from "#base/fault.ts";
import { goList } from "#orchestrator/machinery/go-text.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import {
  algorithmOf,
  peekClaims,
  publicJwk,
  type SigningKey,
  signToken,
  verifyToken,
} from "./json-web-token.ts";
import {
  type ClaimsInput,
  planClaims,
  type Reference,
  type ServiceAccountClaims,
} from "./service-account-claims.ts";
import { parseServiceAccount, serviceAccountUser, serviceAccountUserName } from "./service-account-name.ts";
import type { TokenAuthenticator, TokenOwner } from "./token-authenticator.ts";

/** Of tokens whose signature has been checked. */
const CACHED_MOST = 4096;
/** How long what is being deleted may still be spoken for: its last words. */
const LEEWAY_S = 60;

const legacyIssuer = "kubernetes/serviceaccount";

export interface ServiceAccountTokenDeps {
  /** The first one signs; all of them are trusted. */
  readonly keys: readonly [SigningKey, ...SigningKey[]];
  readonly issuer: string;
  /** What a token must be for to be taken by the API server. */
  readonly apiAudiences: readonly string[];
  readonly objects: ObjectReader;
  readonly now: () => Date;
  readonly newId: () => string;
}

/** Issues the tokens of ServiceAccounts and tells whose they are. A token ends with what it is bound to. */
export class ServiceAccountTokens implements TokenAuthenticator {
  readonly #deps: ServiceAccountTokenDeps;
  /** Token → claims, the one that was used last at the end. */
  readonly #verified = new Map<string, Readonly<Record<string, unknown>>>();

  constructor(deps: ServiceAccountTokenDeps) {
    this.#deps = deps;
  }

  get apiAudiences(): readonly string[] {
    return this.#deps.apiAudiences;
  }

  issue(input: Omit<ClaimsInput, "issuer" | "apiAudiences" | "nowS" | "id">): {
    readonly token: string;
    readonly claims: ServiceAccountClaims;
  } {
    const { issuer, apiAudiences, now, newId, keys } = this.#deps;
    const nowS = Math.floor(now().getTime() / 1000);
    const claims = planClaims({ ...input, issuer, apiAudiences, nowS, id: newId() });
    return { token: signToken(claims, keys[0]), claims };
  }

  /** The token that a Secret of type `kubernetes.io/service-account-token` holds: it lives as long as the Secret does. */
  issueLegacy(account: KubeObject, secretName: string): string {
    const { namespace = "", name = "", uid = "" } = account.metadata;
    const claims = {
      iss: legacyIssuer,
      "kubernetes.io/serviceaccount/namespace": namespace,
      "kubernetes.io/serviceaccount/secret.name": secretName,
      "kubernetes.io/serviceaccount/service-account.name": name,
      "kubernetes.io/serviceaccount/service-account.uid": uid,
      sub: serviceAccountUserName(namespace, name),
    };
    return signToken(claims, this.#deps.keys[0]);
  }

  /** `/openid/v1/jwks` */
  get keySet(): object {
    return { keys: this.#deps.keys.map(publicJwk) };
  }

  /** `/.well-known/openid-configuration` @see OpenID Connect Discovery 1.0, 3 */
  get discovery(): object {
    const { issuer, keys } = this.#deps;
    return {
      issuer,
      jwks_uri: `${issuer}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [...new Set(keys.map(({ key }) => algorithmOf(key)))],
    };
  }

  async authenticateToken(token: string, audiences: readonly string[]): Promise<TokenOwner | undefined> {
    const known = this.#verified.get(token);
    const issuer = (known ?? peekClaims(token))?.["iss"];
    if (issuer !== this.#deps.issuer && issuer !== legacyIssuer) return undefined;
    const claims = known ?? verifyToken(token, this.#deps.keys);
    this.#remember(token, claims);
    return issuer === legacyIssuer
      ? this.#ownerOfLegacy(token, claims, audiences)
      : this.#ownerOf(claims, audiences);
  }

  #remember(token: string, claims: Readonly<Record<string, unknown>>): void {
    this.#verified.delete(token);
    this.#verified.set(token, claims);
    if (this.#verified.size <= CACHED_MOST) return;
    const [oldest] = this.#verified.keys();
    if (oldest !== undefined) this.#verified.delete(oldest);
  }

  #ownerOf(unchecked: Readonly<Record<string, unknown>>, wanted: readonly string[]): TokenOwner {
    // Only this server signs with its keys, so the claims have the shape that planClaims gives them.
    const claims = unchecked as unknown as ServiceAccountClaims;
    const audiences = wanted.filter((audience) => claims.aud.includes(audience));
    if (audiences.length === 0)
      throw new Fault(
        "unauthorized",
        `token audiences ${goList(claims.aud)} is invalid for the target audiences ${goList(wanted)}`,
      );
    this.#checkTimes(claims);
    const { namespace, serviceaccount, pod, node, secret } = claims["kubernetes.io"];
    this.#checkAlive("serviceaccounts", namespace, serviceaccount);
    if (secret !== undefined) this.#checkAlive("secrets", namespace, secret);
    if (pod !== undefined) this.#checkAlive("pods", namespace, pod);
    else if (node !== undefined) this.#checkAlive("nodes", undefined, node);
    const extra = {
      "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`],
      ...(node !== undefined && {
        "authentication.kubernetes.io/node-name": [node.name],
        "authentication.kubernetes.io/node-uid": [node.uid],
      }),
      ...(pod !== undefined && {
        "authentication.kubernetes.io/pod-name": [pod.name],
        "authentication.kubernetes.io/pod-uid": [pod.uid],
      }),
    };
    return { user: serviceAccountUser({ namespace, ...serviceaccount }, extra), audiences };
  }

  #checkTimes({ exp, nbf }: ServiceAccountClaims): void {
    const nowS = this.#deps.now().getTime() / 1000;
    if (nowS >= exp) throw new Fault("unauthorized", "service account token has expired");
    // Clocks of API servers may differ a little.
    if (nowS < nbf - LEEWAY_S) throw new Fault("unauthorized", "service account token is not valid yet");
  }

  #checkAlive(resource: string, namespace: string | undefined, { name, uid }: Reference): void {
    const object = this.#deps.objects.find(resource, namespace, name);
    if (object === undefined || object.metadata.uid !== uid)
      throw new Fault("unauthorized", "service account token has been invalidated");
    const { deletionTimestamp } = object.metadata;
    if (deletionTimestamp === undefined) return;
    const goneMs = Date.parse(deletionTimestamp) + LEEWAY_S * 1000;
    if (this.#deps.now().getTime() > goneMs)
      throw new Fault("unauthorized", "service account token has been invalidated");
  }

  #ownerOfLegacy(
    token: string,
    claims: Readonly<Record<string, unknown>>,
    wanted: readonly string[],
  ): TokenOwner {
    const claim = (name: string) => String(claims[`kubernetes.io/serviceaccount/${name}`]);
    const account = parseServiceAccount(String(claims["sub"]));
    const uid = claim("service-account.uid");
    if (account === undefined) throw new Fault("unauthorized", "sub claim is invalid");
    const audiences = wanted.filter((audience) => this.#deps.apiAudiences.includes(audience));
    if (audiences.length === 0) throw new Fault("unauthorized", "token is invalid for the target audiences");
    this.#checkAlive("serviceaccounts", account.namespace, { name: account.name, uid });
    const secret = this.#deps.objects.find<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(
      "secrets",
      account.namespace,
      claim("secret.name"),
    );
    if (Buffer.from(secret?.data?.["token"] ?? "", "base64").toString() !== token)
      throw new Fault("unauthorized", "service account token has been invalidated");
    return { user: serviceAccountUser({ ...account, uid }), audiences };
  }
}
