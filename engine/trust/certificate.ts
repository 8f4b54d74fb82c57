import { X509Certificate } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { derTags, objectIdOf, readDer, readDerList } from "#base/der.ts";

/** What verification needs of a certificate, read from its DER once. */
export interface Certificate {
  readonly x509: X509Certificate;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isAuthority: boolean;
  /** How many authorities may follow below this one; undefined without a limit. */
  readonly pathLength: number | undefined;
  /** Bits of RFC 5280's KeyUsage, the first one is bit 0; undefined when the extension is absent. */
  readonly keyUsage: ReadonlySet<number> | undefined;
  /** Object IDs; undefined when the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** `CN`, `O`, … → values, in order. */
  readonly subject: ReadonlyMap<string, readonly string[]>;
  readonly emails: readonly string[];
  readonly hostnames: readonly string[];
  /** Whether it says where its revocation could be asked for. */
  readonly namesRevocation: boolean;
}

export const keyUsages = { digitalSignature: 0, keyCertSign: 5 } as const;
export const codeSigning = "1.3.6.1.5.5.7.3.3";

const extensionIds = {
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  crlDistribution: "2.5.29.31",
  extendedKeyUsage: "2.5.29.37",
  authorityInfo: "1.3.6.1.5.5.7.1.1",
} as const;

/** Critical extensions that are understood; any other makes a certificate unfit. @see RFC 5280, 4.2 */
const understood: ReadonlySet<string> = new Set(Object.values(extensionIds));

const attributeNames: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "SERIALNUMBER",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "1.2.840.113549.1.9.1": "emailAddress",
};

/** @throws {Fault} `invalid` for what is no certificate, or has a critical extension that is not understood */
export function parseCertificate(der: Uint8Array): Certificate {
  try {
    const x509 = new X509Certificate(der);
    const fields = fieldsOf(x509.raw);
    // Decoded when it is first asked for, and kept: one that makes no sense is found here.
    if (x509.publicKey.asymmetricKeyType === undefined)
      throw new Fault("invalid", "a key of an unknown kind");
    return { x509, notBefore: x509.validFromDate.getTime(), notAfter: x509.validToDate.getTime(), ...fields };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("invalid", "not a certificate", { cause: error });
  }
}

/** Every certificate of a PEM text. @throws {Fault} `invalid`, also when there is none */
export function parsePemCertificates(pem: string): readonly Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Fault("invalid", "no certificate in PEM form");
  return blocks.map((block) =>
    parseCertificate(Buffer.from(block.replaceAll(/-----[^-]+-----|\s/g, ""), "base64")),
  );
}

function fieldsOf(der: Uint8Array): Omit<Certificate, "x509" | "notBefore" | "notAfter"> {
  const [body] = readDerList(der, derTags.sequence);
  const parts = readDer(body?.content ?? new Uint8Array());
  const withoutVersion = parts[0]?.tag === 0xa0 ? parts.slice(1) : parts;
  const subject = withoutVersion[4];
  const extensions = extensionsOf(withoutVersion.find(({ tag }) => tag === 0xa3)?.content);
  const constraints = extensions.get(extensionIds.basicConstraints);
  const [flag, length] = constraints === undefined ? [] : readDerList(constraints, derTags.sequence);
  const isAuthority = flag?.tag === derTags.boolean && flag.content[0] === 0xff;
  const names = alternativeNames(extensions.get(extensionIds.subjectAltName));
  return {
    isAuthority,
    pathLength: isAuthority && length?.tag === derTags.integer ? smallInteger(length.content) : undefined,
    keyUsage: bitsOf(extensions.get(extensionIds.keyUsage)),
    extendedKeyUsage: objectIds(extensions.get(extensionIds.extendedKeyUsage)),
    subject: attributesOf(subject?.content ?? new Uint8Array()),
    emails: names.get(0x81) ?? [],
    hostnames: names.get(0x82) ?? [],
    namesRevocation:
      extensions.has(extensionIds.crlDistribution) || extensions.has(extensionIds.authorityInfo),
  };
}

/** Object ID → the DER within the octet string. */
function extensionsOf(content: Uint8Array | undefined): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if (content === undefined) return found;
  for (const { content: extension } of readDerList(content, derTags.sequence)) {
    const [name, ...rest] = readDer(extension);
    const value = rest.at(-1);
    if (name?.tag !== derTags.objectId || value?.tag !== derTags.octetString)
      throw new Fault("invalid", "malformed extension of a certificate");
    const id = objectIdOf(name.content);
    if (found.has(id)) throw new Fault("invalid", `certificate has the extension ${id} twice`);
    const isCritical = rest[0]?.tag === derTags.boolean && rest[0].content[0] !== 0;
    if (isCritical && !understood.has(id))
      throw new Fault("invalid", `certificate has the critical extension ${id}, which is not understood`);
    found.set(id, value.content);
  }
  return found;
}

function bitsOf(der: Uint8Array | undefined): ReadonlySet<number> | undefined {
  if (der === undefined) return undefined;
  const [bits] = readDer(der);
  if (bits?.tag !== derTags.bitString) throw new Fault("invalid", "malformed key usage");
  const set = new Set<number>();
  for (const [index, byte] of bits.content.subarray(1).entries())
    for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) set.add(index * 8 + bit);
  return set;
}

function objectIds(der: Uint8Array | undefined): readonly string[] | undefined {
  if (der === undefined) return undefined;
  return readDerList(der, derTags.sequence).map(({ content }) => objectIdOf(content));
}

function smallInteger(content: Uint8Array): number {
  return content.length === 1 && (content[0] ?? 0) < 0x80 ? (content[0] ?? 0) : 0;
}

function alternativeNames(der: Uint8Array | undefined): ReadonlyMap<number, readonly string[]> {
  const names = new Map<number, string[]>();
  if (der === undefined) return names;
  for (const { tag, content } of readDerList(der, derTags.sequence)) {
    const list = names.get(tag) ?? [];
    names.set(tag, [...list, Buffer.from(content).toString("latin1")]);
  }
  return names;
}

function attributesOf(name: Uint8Array): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { content: set } of readDer(name))
    for (const { content: pair } of readDer(set)) {
      const [type, value] = readDer(pair);
      if (type === undefined || value === undefined) throw new Fault("invalid", "malformed subject");
      const id = objectIdOf(type.content);
      const key = attributeNames[id] ?? id;
      found.set(key, [...(found.get(key) ?? []), textOf(value.tag, value.content)]);
    }
  return found;
}

function textOf(tag: number, content: Uint8Array): string {
  const bytes = Buffer.from(content);
  if (tag === 0x1e) return Buffer.from(bytes).swap16().toString("utf16le"); // BMPString
  return bytes.toString(tag === 0x0c ? "utf8" : "latin1");
}
