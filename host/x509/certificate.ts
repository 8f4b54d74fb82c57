import { createHash, type KeyObject, randomBytes, type X509Certificate } from "node:crypto";
import { derTags, readDerList } from "#base/der.ts";
import { type Subject, subjectBytesOf } from "#base/distinguished-name.ts";
import { Fault } from "#base/fault.ts";
import {
  alternativeNames,
  bits,
  ecdsaWithSha256,
  extension,
  findAddressBytes,
  integer,
  name,
  objectId,
  octets,
  sequence,
  signedPem,
  tagged,
  time,
  yes,
} from "./der-writer.ts";

/** Of RFC 5280's KeyUsage, bit 0 is the highest. */
const usageBits = {
  "digital signature": 0x80,
  "content commitment": 0x40,
  "key encipherment": 0x20,
  "data encipherment": 0x10,
  "key agreement": 0x08,
  "cert sign": 0x04,
  "crl sign": 0x02,
} as const;
const extendedUsages = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
} as const;

export type KeyUsage = keyof typeof usageBits;
export type ExtendedKeyUsage = keyof typeof extendedUsages;

export interface CertificateRequest {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly usages: readonly (KeyUsage | ExtendedKeyUsage)[];
  /** DNS names and addresses. */
  readonly names?: readonly string[];
  readonly emails?: readonly string[];
  readonly uris?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly isAuthority?: boolean;
}

/** Whose key signs. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/**
 * Signs a certificate, with the P-256 key of an authority, or with its own when `issuer` is a key.
 *
 * @returns PEM
 * @see RFC 5280, 4.1
 */
export function issueCertificate(request: CertificateRequest, issuer: Issuer | KeyObject): string {
  const isSelfSigned = !("certificate" in issuer);
  const key = isSelfSigned ? issuer : issuer.key;
  const subject = name(request.subject);
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(newSerial()),
    ecdsaWithSha256,
    isSelfSigned ? subject : subjectBytesOf(issuer.certificate.raw),
    sequence(time(request.notBefore), time(request.notAfter)),
    subject,
    request.publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensionsOf(request, isSelfSigned ? undefined : issuer.certificate))),
  );
  return signedPem("CERTIFICATE", body, key);
}

/** 127 random bits and never zero. */
function newSerial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function extensionsOf(request: CertificateRequest, issuer: X509Certificate | undefined): readonly Buffer[] {
  const { usages, names = [], emails = [], uris = [], isAuthority = false, publicKey, subject } = request;
  const keyUsage = usages.reduce(
    (sum, usage) => sum | (usage in usageBits ? usageBits[usage as KeyUsage] : 0),
    0,
  );
  const extended = usages.flatMap((usage) => extendedUsages[usage as ExtendedKeyUsage] ?? []);
  const issuerKey = issuer?.publicKey ?? publicKey;
  return [
    ...(keyUsage === 0
      ? []
      : [extension("2.5.29.15", bits(Buffer.of(keyUsage), trailingZeros(keyUsage)), true)]),
    ...(extended.length > 0 ? [extension("2.5.29.37", sequence(...extended.map(objectId)))] : []),
    extension("2.5.29.19", sequence(...(isAuthority ? [yes] : [])), true),
    ...(isAuthority ? [extension("2.5.29.14", octets(keyIdOf(publicKey)))] : []),
    extension("2.5.29.35", sequence(tagged(0x80, keyIdOf(issuerKey)))),
    // With an empty subject the names are all there is, and must be understood.
    ...(names.length + emails.length + uris.length > 0
      ? [
          extension(
            "2.5.29.17",
            alternativeNames(names, emails, uris),
            subject.commonName === "" && subject.organizations.length === 0,
          ),
        ]
      : []),
  ];
}

/** SHA-1 of the key's bits. @see RFC 5280, 4.2.1.2 (1) */
function keyIdOf(key: KeyObject): Buffer {
  const [, value] = readDerList(key.export({ type: "spki", format: "der" }), derTags.sequence);
  if (value === undefined) throw new Fault("internal", "a public key without bits");
  return createHash("sha1").update(value.content.subarray(1)).digest();
}

function trailingZeros(byte: number): number {
  return 31 - Math.clz32(byte & -byte);
}

/** Whether it is valid for all the names. */
export function covers(certificate: X509Certificate, names: readonly string[]): boolean {
  const found = new Set(
    (certificate.subjectAltName ?? "")
      .split(", ")
      .flatMap((part) => /^(?:DNS|IP Address):(.*)$/.exec(part)?.[1] ?? [])
      .map(canonical),
  );
  return names.every((text) => found.has(canonical(text)));
}

/** Addresses have many spellings, names are the same in lower case. */
function canonical(text: string): string {
  return findAddressBytes(text)?.toString("hex") ?? text.toLowerCase();
}
