import type { KubeObject } from "#api/kube/meta.ts";
import { serviceAccountUserName } from "./service-account-name.ts";

/** What a ServiceAccount's token says, beside what RFC 7519 names. */
export interface ServiceAccountClaims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
  readonly jti: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly node?: Reference;
    readonly pod?: Reference;
    readonly secret?: Reference;
    readonly serviceaccount: Reference;
    /** From then on its holder should have got a new one. */
    readonly warnafter?: number;
  };
  readonly nbf: number;
  readonly sub: string;
}

export interface Reference {
  readonly name: string;
  readonly uid: string;
}

export function referenceTo({ metadata }: KubeObject): Reference {
  return { name: metadata.name ?? "", uid: metadata.uid ?? "" };
}

/** A token that names the API server's audience and is asked for so many seconds, by a node for a pod, lives a year: old clients never read it again. */
const wantsExtensionS = 3607;
const YEAR_S = 365 * 24 * 3600;

export interface ClaimsInput {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly apiAudiences: readonly string[];
  readonly expirationS: number;
  readonly account: KubeObject;
  readonly pod?: KubeObject;
  readonly secret?: KubeObject;
  readonly node?: Reference;
  readonly nowS: number;
  readonly id: string;
}

export function planClaims(input: ClaimsInput): ServiceAccountClaims {
  const { account, pod, secret, node, nowS, audiences, apiAudiences, expirationS, issuer, id } = input;
  const { namespace = "", name = "" } = account.metadata;
  const isExtended =
    pod !== undefined &&
    expirationS === wantsExtensionS &&
    audiences.some((audience) => apiAudiences.includes(audience));
  return {
    aud: audiences,
    exp: nowS + (isExtended ? YEAR_S : expirationS),
    iat: nowS,
    iss: issuer,
    jti: id,
    "kubernetes.io": {
      namespace,
      ...(node !== undefined && { node }),
      ...(pod !== undefined && { pod: referenceTo(pod) }),
      ...(secret !== undefined && { secret: referenceTo(secret) }),
      serviceaccount: referenceTo(account),
      ...(isExtended && { warnafter: nowS + expirationS }),
    },
    nbf: nowS,
    sub: serviceAccountUserName(namespace, name),
  };
}
