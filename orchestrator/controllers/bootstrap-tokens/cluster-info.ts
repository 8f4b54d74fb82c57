import { createHmac } from "node:crypto";
import type { Secret } from "#api/kube/types/core.ts";

const prefix = "bootstrap-token-";

/** Of a token's Secret what matters; undefined for one that is none. */
export interface TokenFacts {
  readonly id: string;
  readonly secret: string;
  /** Milliseconds since 1970; undefined: it never ends. */
  readonly endsAt: number | undefined;
  readonly maySign: boolean;
}

export function tokenFacts({ metadata, type, data }: Secret): TokenFacts | undefined {
  const { name = "" } = metadata;
  if (type !== "bootstrap.kubernetes.io/token" || !name.startsWith(prefix)) return undefined;
  const field = (key: string) => Buffer.from(data?.[key] ?? "", "base64").toString();
  const id = field("token-id");
  const secret = field("token-secret");
  if (name !== prefix + id || secret === "") return undefined;
  const expiration = field("expiration");
  return {
    id,
    secret,
    // One that cannot be read is over.
    endsAt: expiration === "" ? undefined : Date.parse(expiration) || 0,
    maySign: field("usage-bootstrap-signing") === "true",
  };
}

/** Where the cluster is and whom to trust, for whoever knows a token only. */
export function clusterInfoKubeconfig(server: string, authority: string): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${Buffer.from(authority).toString("base64")}
    server: ${server}
  name: ""
contexts: null
current-context: ""
kind: Config
preferences: {}
users: null
`;
}

/** A JWS without its payload, with which the token's holder sees that somebody who knows it wrote the text. @see RFC 7515, appendix F */
export function signDetached(text: string, { id, secret }: TokenFacts): string {
  const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: id })).toString("base64url");
  const payload = Buffer.from(text).toString("base64url");
  const signature = createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url");
  return `${header}..${signature}`;
}

/** What the ConfigMap `cluster-info` should hold. */
export function clusterInfoData(
  kubeconfig: string,
  tokens: readonly TokenFacts[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const good = tokens.filter(({ maySign, endsAt }) => maySign && (endsAt === undefined || endsAt > nowMs));
  return Object.fromEntries([
    ["kubeconfig", kubeconfig],
    ...good.map((token) => [`jws-kubeconfig-${token.id}`, signDetached(kubeconfig, token)]),
  ]) as Readonly<Record<string, string>>;
}
