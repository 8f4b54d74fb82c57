import { timingSafeEqual } from "node:crypto";
import type { KubeObject } from "#api/kube/meta.ts";
import { Fault } from "#base/fault.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import type { TokenAuthenticator, TokenOwner } from "./token-authenticator.ts";

export const bootstrapTokenType = "bootstrap.kubernetes.io/token";

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

type Secret = KubeObject & { readonly type?: string; readonly data?: Readonly<Record<string, string>> };

/** `abcdef.0123456789abcdef`, or undefined for anything else. */
export function parseBootstrapToken(text: string): BootstrapToken | undefined {
  const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Tokens with which new nodes join, kept in Secrets of kube-system. @see Kubernetes, Bootstrap Tokens */
export class BootstrapTokens implements TokenAuthenticator {
  readonly #objects: ObjectReader;
  readonly #now: () => Date;

  constructor({ objects, now }: { readonly objects: ObjectReader; readonly now: () => Date }) {
    this.#objects = objects;
    this.#now = now;
  }

  async authenticateToken(text: string): Promise<TokenOwner | undefined> {
    const token = parseBootstrapToken(text);
    if (token === undefined) return undefined;
    const secret = this.#objects.find<Secret>("secrets", "kube-system", `bootstrap-token-${token.id}`);
    if (secret === undefined || !this.#isGood(secret, token))
      throw new Fault("unauthorized", "invalid bearer token");
    return {
      user: {
        name: `system:bootstrap:${token.id}`,
        groups: ["system:bootstrappers", ...extraGroups(secret), "system:authenticated"],
      },
      audiences: [],
    };
  }

  #isGood(secret: Secret, { id, secret: wanted }: BootstrapToken): boolean {
    if (secret.metadata.deletionTimestamp !== undefined || secret.type !== bootstrapTokenType) return false;
    if (!isSame(fieldOf(secret, "token-secret"), wanted) || fieldOf(secret, "token-id") !== id) return false;
    return !hasExpired(secret, this.#now()) && fieldOf(secret, "usage-bootstrap-authentication") === "true";
  }
}

/** Whether its time is over; one that cannot be read is. */
export function hasExpired(secret: Secret, now: Date): boolean {
  const text = fieldOf(secret, "expiration");
  return text !== "" && !(Date.parse(text) > now.getTime());
}

/** A member of a Secret's data, decoded; empty when it is not there. */
export function fieldOf({ data }: Secret, name: string): string {
  return Buffer.from(data?.[name] ?? "", "base64").toString();
}

function extraGroups(secret: Secret): readonly string[] {
  const groups = fieldOf(secret, "auth-extra-groups")
    .split(",")
    .filter((group) => group !== "");
  // One that may not be given makes the token useless, so that nobody relies on part of it.
  for (const group of groups)
    if (!/^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group))
      throw new Fault("unauthorized", `bootstrap group "${group}" is invalid`);
  return groups;
}

function isSame(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
