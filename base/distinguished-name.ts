import { derTags, objectIdOf, readDer, readDerList } from "./der.ts";
import { Fault } from "./fault.ts";

/** Who a certificate or a request for one is about. */
export interface Subject {
  readonly commonName: string;
  /** In the order in which they stand there. */
  readonly organizations: readonly string[];
}

const commonName = "2.5.4.3";
const organization = "2.5.4.10";

/**
 * Reads a Name from its DER. Of several common names the last counts, as Go's x509 has it.
 *
 * @throws {Fault} `invalid` for what is no Name
 * @see RFC 5280, 4.1.2.4
 */
export function readName(der: Uint8Array): Subject {
  let name = "";
  const organizations: string[] = [];
  for (const { tag, content } of readDerList(der, derTags.sequence)) {
    if (tag !== derTags.set) throw new Fault("invalid", "malformed subject");
    for (const { content: pair } of readDer(content)) {
      const [type, value] = readDer(pair);
      if (type?.tag !== derTags.objectId || value === undefined)
        throw new Fault("invalid", "malformed subject");
      const id = objectIdOf(type.content);
      if (id === commonName) name = textOf(value.tag, value.content);
      else if (id === organization) organizations.push(textOf(value.tag, value.content));
    }
  }
  return { commonName: name, organizations };
}

/** The subject of a certificate's DER. @throws {Fault} `invalid` for what is no certificate */
export function subjectOfCertificate(der: Uint8Array): Subject {
  return readName(subjectBytesOf(der));
}

/** The same as it stands there, byte for byte. @throws {Fault} `invalid` for what is no certificate */
export function subjectBytesOf(der: Uint8Array): Uint8Array {
  const [body] = readDerList(der, derTags.sequence);
  if (body?.tag !== derTags.sequence) throw new Fault("invalid", "not a certificate");
  const parts = readDer(body.content);
  // Version, serial, algorithm, issuer, validity, subject: the version may be left out.
  const subject = parts[parts[0]?.tag === 0xa0 ? 5 : 4];
  if (subject === undefined) throw new Fault("invalid", "not a certificate");
  return subject.whole;
}

function textOf(tag: number, content: Uint8Array): string {
  if (tag === 0x1e) return new TextDecoder("utf-16be").decode(content); // BMPString
  return new TextDecoder(tag === 0x0c ? "utf-8" : "latin1").decode(content);
}
