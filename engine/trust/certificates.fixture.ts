import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** Certificates made by hand, for tests: any of their fields may be wrong. */

type Bytes = Uint8Array;

function der(tag: number, ...parts: readonly Bytes[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const seq = (...parts: readonly Bytes[]) => der(0x30, ...parts);
const text = (tag: number, value: string) => der(tag, Buffer.from(value));

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const value of [first * 40 + second, ...rest]) {
    const groups = [value & 0x7f];
    for (let left = value >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

const attributeIds: Readonly<Record<string, string>> = {
  CN: "2.5.4.3",
  C: "2.5.4.6",
  ST: "2.5.4.8",
  O: "2.5.4.10",
};
const ecdsaWithSha256 = seq(oid("1.2.840.10045.4.3.2"));

function nameOf(subject: Readonly<Record<string, string>>): Buffer {
  return seq(
    ...Object.entries(subject).map(([key, value]) =>
      der(0x31, seq(oid(attributeIds[key] ?? key), text(0x0c, value))),
    ),
  );
}

function time(ms: number): Buffer {
  return text(0x18, new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, ""));
}

function extension(id: string, isCritical: boolean, value: Bytes): Buffer {
  return seq(oid(id), ...(isCritical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
}

export interface IssuedBy {
  readonly der: Buffer;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly subject: Readonly<Record<string, string>>;
}

export interface CertificateOptions {
  readonly subject?: Readonly<Record<string, string>>;
  readonly issuer?: IssuedBy;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isAuthority?: boolean;
  readonly pathLength?: number;
  /** The key usage bits, most significant first. */
  readonly keyUsage?: number;
  readonly extendedKeyUsage?: readonly string[];
  readonly email?: string;
  readonly hostname?: string;
  readonly crl?: string;
  readonly strange?: boolean;
}

let serial = 1;

export function issue(options: CertificateOptions): IssuedBy {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const subject = options.subject ?? { C: "DE", ST: "BE", O: "Test", CN: "signer" };
  const by = options.issuer ?? { privateKey, subject };
  const names = [
    ...(options.email === undefined ? [] : [text(0x81, options.email)]),
    ...(options.hostname === undefined ? [] : [text(0x82, options.hostname)]),
  ];
  const { isAuthority = false, pathLength } = options;
  const constraints = seq(
    ...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []),
    ...(pathLength === undefined ? [] : [der(0x02, Buffer.from([pathLength]))]),
  );
  const usage = options.keyUsage ?? (isAuthority ? 0x06 : 0x80);
  const extensions = [
    extension("2.5.29.19", true, constraints),
    extension("2.5.29.15", true, der(0x03, Buffer.from([0, usage]))),
    ...(isAuthority && options.extendedKeyUsage === undefined
      ? []
      : [
          extension("2.5.29.37", false, seq(...(options.extendedKeyUsage ?? ["1.3.6.1.5.5.7.3.3"]).map(oid))),
        ]),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", false, seq(...names))]),
    ...(options.crl === undefined
      ? []
      : [extension("2.5.29.31", false, seq(seq(der(0xa0, der(0xa0, text(0x86, options.crl))))))]),
    ...(options.strange === true ? [extension("1.2.3.4", true, seq())] : []),
  ];
  serial += 1;
  const body = seq(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([0x01, serial >> 8, serial & 0xff])),
    ecdsaWithSha256,
    nameOf(by.subject),
    seq(time(options.notBefore), time(options.notAfter)),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, seq(...extensions)),
  );
  const signature = sign("sha256", body, by.privateKey);
  return {
    der: seq(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature)),
    privateKey,
    publicKey,
    subject,
  };
}

export function pemOf(...certificates: readonly { readonly der: Buffer }[]): string {
  return certificates
    .map(
      ({ der: bytes }) =>
        `-----BEGIN CERTIFICATE-----\n${bytes.toString("base64")}\n-----END CERTIFICATE-----\n`,
    )
    .join("");
}

export function publicPem(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}
