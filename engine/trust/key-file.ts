import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scryptSync,
} from "node:crypto";
import { Fault } from "#base/fault.ts";
import { asObject, asString } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import { fromBase64 } from "./base64.ts";

/** Kinds of keys to sign with. */
export const keyKinds = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072"] as const;
export type KeyKind = (typeof keyKinds)[number];

const label = "ENCRYPTED GANTRY PRIVATE KEY";
const sealed = new RegExp(`^-----BEGIN ${label}-----\\s+([A-Za-z0-9+/=\\s]+)-----END ${label}-----\\s*$`);
/** 64 MiB and a tenth of a second a try. */
const scryptCost = { N: 65_536, r: 8, p: 1, maxmem: 128 * 1024 * 1024 };
const keyBytes = 32;

export function generateKey(kind: KeyKind): {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
} {
  switch (kind) {
    case "ecdsa-p256":
      return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    case "ecdsa-p384":
      return generateKeyPairSync("ec", { namedCurve: "secp384r1" });
    case "ed25519":
      return generateKeyPairSync("ed25519");
    case "rsa-3072":
      return generateKeyPairSync("rsa", { modulusLength: 3072 });
    default:
      return kind satisfies never;
  }
}

/**
 * A private key as a PEM file: plain PKCS #8 without a passphrase; with one, PKCS #8 under AES-256-GCM, whose key comes from the
 * passphrase by scrypt.
 */
export function sealPrivateKey(key: KeyObject, passphrase: string): string {
  if (passphrase === "") return key.export({ type: "pkcs8", format: "pem" }).toString();
  const [salt, nonce] = [randomBytes(32), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", scryptSync(passphrase, salt, keyBytes, scryptCost), nonce);
  const plain = key.export({ type: "pkcs8", format: "der" });
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const { N, r, p } = scryptCost;
  const document = {
    kdf: { name: "scrypt", params: { N, r, p }, salt: salt.toString("base64") },
    cipher: { name: "aes-256-gcm", nonce: nonce.toString("base64") },
    ciphertext: ciphertext.toString("base64"),
  };
  const body = Buffer.from(JSON.stringify(document)).toString("base64").replaceAll(/.{64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${body.trimEnd()}\n-----END ${label}-----\n`;
}

/** Whether a passphrase is needed to open the file. */
export function isSealed(pem: string): boolean {
  return sealed.test(pem) || pem.includes("ENCRYPTED");
}

/**
 * Opens what {@link sealPrivateKey} wrote, and PKCS #8 of other tools.
 *
 * @throws {Fault} `invalid`, also for a wrong passphrase
 */
export function openPrivateKey(pem: string, passphrase: string): KeyObject {
  const body = sealed.exec(pem)?.[1]?.replaceAll(/\s/g, "");
  try {
    if (body === undefined) return createPrivateKey({ key: pem, passphrase });
    const document = asObject(parseStrictJson(fromBase64(body, "key"), "key"), "key");
    return createPrivateKey({ key: unseal(document, passphrase), format: "der", type: "pkcs8" });
  } catch (error) {
    throw new Fault(
      "invalid",
      "the private key cannot be opened: it is no key, or the passphrase is another",
      {
        cause: error,
      },
    );
  }
}

function unseal(document: Readonly<Record<string, unknown>>, passphrase: string): Buffer {
  const kdf = asObject(document["kdf"], "kdf");
  const { N, r, p } = asObject(kdf["params"], "params");
  const given = asObject(document["cipher"], "cipher");
  const isKnown = kdf["name"] === "scrypt" && given["name"] === "aes-256-gcm";
  // Others would cost what somebody else decides.
  if (!isKnown || N !== scryptCost.N || r !== scryptCost.r || p !== scryptCost.p)
    throw new Fault("invalid", "unknown encryption");
  const bytes = (value: unknown) => fromBase64(asString(value, "key"), "key");
  const secret = scryptSync(passphrase, bytes(kdf["salt"]), keyBytes, scryptCost);
  const decipher = createDecipheriv("aes-256-gcm", secret, bytes(given["nonce"]), { authTagLength: 16 });
  const ciphertext = bytes(document["ciphertext"]);
  decipher.setAuthTag(ciphertext.subarray(-16));
  return Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]);
}
