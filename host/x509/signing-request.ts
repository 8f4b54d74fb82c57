import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { formatAddress6 } from "#base/cidr6.ts";
import { derTags, objectIdOf, readDer, readDerList } from "#base/der.ts";
import { readName, type Subject } from "#base/distinguished-name.ts";
import { Fault } from "#base/fault.ts";
import {
  alternativeNames,
  extension,
  integer,
  name,
  objectId,
  sequence,
  set,
  signedPem,
  tagged,
} from "./der-writer.ts";

/** Who asks for a certificate, for which key and which names; it has shown that it has the key. */
export interface SigningRequest {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly dnsNames: readonly string[];
  /** As text. */
  readonly addresses: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
}

const MAX_PEM_BYTES = 64 * 1024;
const extensionRequest = "1.2.840.113549.1.9.14";
const subjectAltName = "2.5.29.17";

const algorithms: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null, // Ed25519 hashes itself
};

/**
 * Reads a request for a certificate.
 *
 * @throws {Fault} `invalid` for what is none, or is not signed with the key that it names
 * @see RFC 2986
 */
export function parseSigningRequest(pem: string): SigningRequest {
  const [, text] =
    /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]+)-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/.exec(
      pem.length > MAX_PEM_BYTES ? "" : pem,
    ) ?? [];
  if (text === undefined) throw new Fault("invalid", "PEM block type must be CERTIFICATE REQUEST");
  try {
    return readRequest(Buffer.from(text.replaceAll(/\s/g, ""), "base64"));
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("invalid", "malformed certificate request", { cause: error });
  }
}

function readRequest(der: Uint8Array): SigningRequest {
  const [body, algorithm, signature] = readDerList(der, derTags.sequence);
  if (body === undefined || algorithm === undefined || signature?.tag !== derTags.bitString)
    throw new Fault("invalid", "malformed certificate request");
  const [, subject, key, attributes] = readDer(body.content);
  if (subject === undefined || key === undefined) throw new Fault("invalid", "malformed certificate request");
  const publicKey = createPublicKey({ key: Buffer.from(key.whole), format: "der", type: "spki" });
  const [id] = readDer(algorithm.content);
  const hash = id === undefined ? undefined : algorithms[objectIdOf(id.content)];
  if (hash === undefined) throw new Fault("invalid", "signature algorithm is not supported");
  if (!verify(hash, body.whole, publicKey, signature.content.subarray(1)))
    throw new Fault("invalid", "the request is not signed with its key");
  return { subject: readName(subject.whole), publicKey, ...namesIn(attributes?.content ?? Buffer.of()) };
}

function namesIn(attributes: Uint8Array): Omit<SigningRequest, "subject" | "publicKey"> {
  const found = new Map<number, Uint8Array[]>();
  for (const { content } of readDer(attributes)) {
    const [type, values] = readDer(content);
    if (type === undefined || values === undefined || objectIdOf(type.content) !== extensionRequest) continue;
    for (const list of readDer(values.content))
      for (const { content: one } of readDer(list.content)) {
        const [id, ...rest] = readDer(one);
        const value = rest.at(-1);
        if (id === undefined || value === undefined || objectIdOf(id.content) !== subjectAltName) continue;
        for (const { tag, content: text } of readDerList(value.content, derTags.sequence))
          found.set(tag, [...(found.get(tag) ?? []), text]);
      }
  }
  const texts = (tag: number) => (found.get(tag) ?? []).map((bytes) => Buffer.from(bytes).toString("latin1"));
  return {
    emails: texts(0x81),
    dnsNames: texts(0x82),
    uris: texts(0x86),
    addresses: (found.get(0x87) ?? []).map(addressText),
  };
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new Fault("invalid", "an address of a strange length");
  return formatAddress6(BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
}

/** Asks for a certificate, as PEM. @param names DNS names and addresses */
export function makeSigningRequest(
  subject: Subject,
  names: readonly string[],
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
): string {
  const extensions =
    names.length === 0
      ? []
      : [
          sequence(
            objectId(extensionRequest),
            set(sequence(extension(subjectAltName, alternativeNames(names)))),
          ),
        ];
  const body = sequence(
    integer(Buffer.of(0)),
    name(subject),
    keys.publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa0, ...extensions),
  );
  return signedPem("CERTIFICATE REQUEST", body, keys.privateKey);
}
