import { Fault } from "#base/fault.ts";
import { type Digest, parseDigest } from "./digest.ts";

/**
 * A name by which a user means an image, in its full form: `nginx` is domain `docker.io`, path `library/nginx`. Tag and digest
 * are there when they were given; with both, the digest decides. Made only by {@link parseReference} and the functions here.
 *
 * @see distribution/reference, reference.go#Grammar
 */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DEFAULT_DOMAIN = "docker.io";
const LEGACY_DEFAULT_DOMAIN = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";
const MAX_NAME_LENGTH = 255;
/** Longer input cannot be a reference: name, tag and digest at their longest, with room for a domain. */
const MAX_LENGTH = 1024;

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const domainPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const imageIdPattern = /^[0-9a-f]{64}$/;
const digestLikePattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/**
 * Parses a familiar or a canonical name: `nginx`, `me/app:1`, `localhost:5000/a@sha256:…`. No tag is added.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function parseReference(text: string): Reference {
  if (imageIdPattern.test(text))
    throw new Fault(
      "invalid",
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    );
  if (text.length > MAX_LENGTH) throw invalid();
  const [domain, remainder] = splitDomain(text);
  const remote = remainder.split(":", 1)[0] ?? "";
  if (remote.toLowerCase() !== remote)
    throw new Fault("invalid", `invalid reference format: repository name (${remote}) must be lowercase`);
  return parseParts(domain, remainder);
}

function parseParts(domain: string, remainder: string): Reference {
  const at = remainder.indexOf("@");
  const named = at < 0 ? remainder : remainder.slice(0, at);
  const colon = named.indexOf(":");
  const path = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (!domainPattern.test(domain) || !pathPattern.test(path)) throw invalid();
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid();
  const digest = at < 0 ? undefined : parseReferenceDigest(remainder.slice(at + 1));
  if (path.length > MAX_NAME_LENGTH)
    throw new Fault("invalid", `repository name must not be more than ${MAX_NAME_LENGTH} characters`);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

function parseReferenceDigest(text: string): Digest {
  if (!digestLikePattern.test(text)) throw invalid();
  const [algorithm = "", hex = ""] = text.split(":");
  if (algorithm !== "sha256") throw new Fault("invalid", "unsupported digest algorithm");
  if (hex.length !== 64) throw new Fault("invalid", "invalid checksum digest length");
  if (hex !== hex.toLowerCase()) throw new Fault("invalid", "invalid checksum digest format");
  return parseDigest(text);
}

function invalid(): Fault {
  return new Fault("invalid", "invalid reference format");
}

/** What stands before the first slash is a domain when it cannot be a folder of Docker Hub. */
function splitDomain(text: string): readonly [domain: string, remainder: string] {
  const slash = text.indexOf("/");
  if (slash < 0) return [DEFAULT_DOMAIN, OFFICIAL_PREFIX + text];
  const first = text.slice(0, slash);
  const isDomain = first === "localhost" || /[.:]/.test(first) || first.toLowerCase() !== first;
  const domain = !isDomain || first === LEGACY_DEFAULT_DOMAIN ? DEFAULT_DOMAIN : first;
  const remainder = isDomain ? text.slice(slash + 1) : text;
  const isOfficial = domain === DEFAULT_DOMAIN && !remainder.includes("/");
  return [domain, isOfficial ? OFFICIAL_PREFIX + remainder : remainder];
}

/** The reference with tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: DEFAULT_TAG };
}

/** The name with this tag and nothing else. @throws {Fault} `invalid` "invalid tag format" */
export function withTag(reference: Reference, tag: string): Reference {
  if (!tagPattern.test(tag)) throw new Fault("invalid", "invalid tag format");
  return { domain: reference.domain, path: reference.path, tag };
}

/** The name with this digest and nothing else. */
export function withDigest(reference: Reference, digest: Digest): Reference {
  return { domain: reference.domain, path: reference.path, digest };
}

/** `docker.io/library/nginx` */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/nginx:latest`; parsing it gives the same reference. */
export function formatReference(reference: Reference): string {
  return repositoryOf(reference) + suffixOf(reference);
}

/** `nginx`, `me/app`, `quay.io/a/b`; keeps the domain where the name would mean another one without it. */
export function familiarName(reference: Reference): string {
  const { domain, path } = reference;
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`;
  const rest = path.slice(OFFICIAL_PREFIX.length);
  const short = path.startsWith(OFFICIAL_PREFIX) && !rest.includes("/") ? rest : path;
  return splitDomain(short)[0] === DEFAULT_DOMAIN && !imageIdPattern.test(short)
    ? short
    : `${domain}/${path}`;
}

/** `nginx:latest`, as users see it. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffixOf(reference);
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}
