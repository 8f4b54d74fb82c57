import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { join } from "node:path";
import { subjectOfCertificate } from "#base/distinguished-name.ts";
import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { covers, type Issuer, issueCertificate } from "#host/x509/certificate.ts";
import {
  type ClusterNames,
  type IdentityName,
  type IdentityPlan,
  identityNames,
  planIdentities,
} from "./identities.ts";
import { ensureKeyFolder, findText, writeKeyFile } from "./key-files.ts";

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const AUTHORITY_MS = 10 * YEAR_MS;
/** Of an authority: it is signed anew, with the same key, so that what it signed stays good. */
const AUTHORITY_RENEWAL_MS = 2 * YEAR_MS;
const IDENTITY_MS = YEAR_MS;
/** Of its time is left when an identity is made anew. */
const RENEWAL_SHARE = 0.3;
/** How far clocks of others may be behind. */
const SKEW_MS = 300_000;

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface PkiDeps extends ClusterNames {
  /** `<root>/cluster/pki` */
  readonly folder: string;
  readonly now: () => Date;
  readonly log: Log;
}

/** All keys of a cluster's control plane and of the node beside it. */
export interface Pki {
  /** Certificates of the cluster's authority, PEM: what clients and servers trust. */
  readonly authority: string;
  /** Signs what {@link issueCertificate} makes. */
  readonly issuer: Issuer;
  /** Of those who may say for whom they ask. */
  readonly frontProxyAuthority: string;
  /** Signs ServiceAccount tokens, P-256. */
  readonly tokenKey: KeyObject;
  readonly identities: Readonly<Record<IdentityName, Identity>>;
  /** When the first of them wants to be made anew. */
  readonly renewAt: Date;
}

/**
 * Reads the keys and certificates of a cluster, and makes what is missing, what ends soon, and what names or addresses have changed of.
 * May be killed anywhere and called again at any time; what was handed out stays valid.
 *
 * @throws {Fault} `invalid` when an authority or the token key is there and cannot be read: replacing it would lock everybody out
 */
export function ensurePki(deps: PkiDeps): Pki {
  ensureKeyFolder(deps.folder);
  const cluster = ensureAuthority(deps, "ca", "kubernetes");
  const frontProxy = ensureAuthority(deps, "front-proxy-ca", "front-proxy-ca");
  const tokenKey = ensureKey(deps, "sa");
  const plans = planIdentities(deps);
  const made = identityNames.map((name) => {
    const plan = plans[name];
    return [
      name,
      ensureIdentity(deps, name, plan, plan.authority === "cluster" ? cluster : frontProxy),
    ] as const;
  });
  const ends = [
    ...made.map(([, { renewAt }]) => renewAt),
    ...[cluster, frontProxy].map(
      ({ certificate }) => certificate.validToDate.getTime() - AUTHORITY_RENEWAL_MS,
    ),
  ];
  return {
    authority: pemOf(cluster.certificate),
    issuer: cluster,
    frontProxyAuthority: pemOf(frontProxy.certificate),
    tokenKey,
    identities: Object.fromEntries(
      made.map(([name, { certificate, key }]) => [name, { certificate, key }]),
    ) as Record<IdentityName, Identity>,
    renewAt: new Date(Math.min(...ends)),
  };
}

function ensureAuthority(deps: PkiDeps, name: string, commonName: string): Issuer {
  const { folder, now, log } = deps;
  const key = ensureKey(deps, name);
  const text = findText(folder, `${name}.crt`);
  if (text !== undefined) {
    const certificate = readOwn(() => new X509Certificate(text), folder, `${name}.crt`);
    if (!certificate.checkPrivateKey(key))
      throw new Fault("invalid", `${join(folder, name)}.key is not the key of ${name}.crt`);
    if (certificate.validToDate.getTime() - now().getTime() > AUTHORITY_RENEWAL_MS)
      return { certificate, key };
    log.info("certificate of an authority is made anew", { authority: name });
  }
  const pem = issueCertificate(
    {
      subject: text === undefined ? { commonName, organizations: [] } : subjectOf(new X509Certificate(text)),
      publicKey: createPublicKey(key),
      usages: ["digital signature", "key encipherment", "cert sign"],
      names: text === undefined ? [commonName] : [],
      isAuthority: true,
      ...validity(now(), AUTHORITY_MS),
    },
    key,
  );
  writeKeyFile(folder, `${name}.crt`, pem, true);
  return { certificate: new X509Certificate(pem), key };
}

/** A key that is never replaced. It comes before all that depends on it. */
function ensureKey({ folder }: PkiDeps, name: string): KeyObject {
  const text = findText(folder, `${name}.key`);
  if (text !== undefined) return readOwn(() => createPrivateKey(text), folder, `${name}.key`);
  const { key, pem } = newKey();
  writeKeyFile(folder, `${name}.key`, pem, true);
  return key;
}

interface DatedIdentity extends Identity {
  /** Milliseconds since 1970. */
  readonly renewAt: number;
}

function ensureIdentity(
  deps: PkiDeps,
  name: IdentityName,
  plan: IdentityPlan,
  issuer: Issuer,
): DatedIdentity {
  const { folder, now, log } = deps;
  const found = findIdentity(folder, name);
  const reason = found === undefined ? "is not there" : whyRenew(found, plan, issuer, now());
  if (found !== undefined && reason === undefined) return { ...found, renewAt: renewalOf(found.parsed) };
  if (found !== undefined) log.info("certificate is made anew", { certificate: name, reason });
  const { key, pem } = newKey();
  const certificate = issueCertificate(
    {
      subject: plan.subject,
      publicKey: createPublicKey(key),
      usages: ["digital signature", plan.usage],
      names: plan.names,
      ...validity(now(), IDENTITY_MS, issuer),
    },
    issuer,
  );
  writeKeyFile(folder, `${name}.key`, pem, false);
  writeKeyFile(folder, `${name}.crt`, certificate, false);
  return { certificate, key: pem, renewAt: renewalOf(new X509Certificate(certificate)) };
}

interface FoundIdentity extends Identity {
  readonly parsed: X509Certificate;
}

/** Undefined too for what cannot be read, or does not fit together: a crash came between, it can be made again. */
function findIdentity(folder: string, name: IdentityName): FoundIdentity | undefined {
  const certificate = findText(folder, `${name}.crt`);
  const key = findText(folder, `${name}.key`);
  if (certificate === undefined || key === undefined) return undefined;
  try {
    const parsed = new X509Certificate(certificate);
    return parsed.checkPrivateKey(createPrivateKey(key)) ? { certificate, key, parsed } : undefined;
  } catch {
    return undefined;
  }
}

function whyRenew(
  { parsed }: FoundIdentity,
  plan: IdentityPlan,
  issuer: Issuer,
  now: Date,
): string | undefined {
  const { commonName, organizations } = subjectOf(parsed);
  const wanted = plan.subject;
  if (!parsed.verify(createPublicKey(issuer.key))) return "another authority signed it";
  if (commonName !== wanted.commonName || organizations.join("\n") !== wanted.organizations.join("\n"))
    return "it is somebody else's";
  if (now.getTime() >= renewalOf(parsed)) return "it ends soon";
  // A clock that was ahead when it was made.
  if (now.getTime() < parsed.validFromDate.getTime()) return "it is not valid yet";
  return covers(parsed, plan.names) ? undefined : "names or addresses changed";
}

function renewalOf({ validFromDate, validToDate }: X509Certificate): number {
  const end = validToDate.getTime();
  return end - (end - validFromDate.getTime()) * RENEWAL_SHARE;
}

function validity(
  now: Date,
  forMs: number,
  issuer?: Issuer,
): { readonly notBefore: Date; readonly notAfter: Date } {
  const end = now.getTime() + forMs;
  const most = issuer?.certificate.validToDate.getTime() ?? end;
  return { notBefore: new Date(now.getTime() - SKEW_MS), notAfter: new Date(Math.min(end, most)) };
}

function newKey(): { readonly key: KeyObject; readonly pem: string } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, pem: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
}

const subjectOf = ({ raw }: X509Certificate) => subjectOfCertificate(raw);

function pemOf(certificate: X509Certificate): string {
  return certificate.toString();
}

function readOwn<T>(read: () => T, folder: string, file: string): T {
  try {
    return read();
  } catch (error) {
    throw new Fault("invalid", `${join(folder, file)} cannot be read; restore it from a backup`, {
      cause: error,
    });
  }
}
