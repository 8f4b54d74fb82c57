import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { Fault } from "#base/fault.ts";

/** Tokens are a few hundred bytes, or some thousand with many audiences. */
const MAX_TOKEN_BYTES = 64 * 1024;

export interface SigningKey {
  readonly key: KeyObject;
  readonly id: string;
}

export function signingKeyOf(key: KeyObject): SigningKey {
  return { key, id: keyIdOf(key) };
}

/** SHA-256 of the public key's SPKI, base64url: what upstream names keys. */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64url");
}

/** A compact JWS of the claims: ES256 for a P-256 key, RS256 for an RSA one. */
export function signToken(claims: object, { key, id }: SigningKey): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${encode({ alg: algorithmOf(key), kid: id })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/**
 * The claims of a token that one of the keys has signed, each with the algorithm that its key is for and no other.
 *
 * @throws {Fault} `unauthorized` for one that none of them has signed
 * @see RFC 7515, 5.2
 */
export function verifyToken(token: string, keys: readonly SigningKey[]): Readonly<Record<string, unknown>> {
  const [head = "", body = "", signature = ""] = token.split(".");
  const header = parsePart(head);
  const wanted = header?.["kid"];
  const input = Buffer.from(token.slice(0, head.length + 1 + body.length));
  const bytes = Buffer.from(signature, "base64url");
  const isSigned = keys.some(
    ({ key, id }) =>
      header?.["alg"] === algorithmOf(key) &&
      header["crit"] === undefined &&
      (wanted === undefined || wanted === "" || wanted === id) &&
      verify("sha256", input, { key: publicOf(key), dsaEncoding: "ieee-p1363" }, bytes),
  );
  const claims = isSigned ? parsePart(body) : undefined;
  if (claims === undefined) throw new Fault("unauthorized", "invalid bearer token");
  return claims;
}

/** What a token says without a proof that it is true; undefined for what is no compact JWS. */
export function peekClaims(token: string): Readonly<Record<string, unknown>> | undefined {
  if (token.length > MAX_TOKEN_BYTES || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
  return parsePart(token.split(".")[1] ?? "");
}

/** The public half as RFC 7517 writes it. */
export function publicJwk({ key, id }: SigningKey): Readonly<Record<string, unknown>> {
  return { use: "sig", kid: id, alg: algorithmOf(key), ...publicOf(key).export({ format: "jwk" }) };
}

export function algorithmOf(key: KeyObject): "ES256" | "RS256" {
  return key.asymmetricKeyType === "rsa" ? "RS256" : "ES256";
}

function publicOf(key: KeyObject): KeyObject {
  return key.type === "private" ? createPublicKey(key) : key;
}

function parsePart(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
