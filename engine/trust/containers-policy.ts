import { Fault, isFault } from "#base/fault.ts";
import { parseReference, repositoryOf } from "#oci/reference.ts";
import {
  asArray,
  asObject,
  asString,
  isAbsent,
  type JsonObject,
  onlyKeys,
  optionalString,
  optionalStrings,
} from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import { fromBase64 } from "./base64.ts";
import { parsePemCertificates } from "./certificate.ts";
import type { SignedIdentity } from "./image-identity.ts";
import { parsePublicKey } from "./public-key.ts";
import type { SigstoreAnchor } from "./verify-sigstore.ts";

/** What must hold for an image; of several requirements all. */
export type Requirement =
  | { readonly type: "insecureAcceptAnything" }
  | { readonly type: "reject" }
  | { readonly type: "sigstoreSigned"; readonly anchor: SigstoreAnchor; readonly identity: SignedIdentity }
  /** Means something that is not verified here, so it never holds. */
  | { readonly type: "unsupported"; readonly why: string };

/** @see containers-policy.json(5) */
export interface ContainersPolicy {
  readonly kind: "containers";
  readonly default: readonly Requirement[];
  /** Transport → scope → requirements. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly Requirement[]>>;
}

/** Reads a file that the policy names. */
export type ReadFile = (path: string) => Uint8Array;

const MAX_ENTRIES = 1000;

/**
 * Reads a policy and the keys and certificates that it names. A field that is unknown, twice there or makes no sense rejects it
 * whole.
 *
 * @throws {Fault} `invalid`
 * @see containers-policy.json(5)
 */
export function parseContainersPolicy(bytes: Uint8Array, readFile: ReadFile): ContainersPolicy {
  const policy = asObject(parseStrictJson(bytes, "trust policy"), "trust policy");
  onlyKeys(policy, ["default", "transports"], "trust policy");
  const given = isAbsent(policy["transports"]) ? {} : asObject(policy["transports"], "transports");
  const transports = Object.entries(given).map(([name, scopes]) => {
    const parsed = Object.entries(asObject(scopes, `transports.${name}`)).map(([scope, list]) => {
      if (name === "docker") checkScope(scope);
      return [scope, requirementsOf(list, `transports.${name}[${JSON.stringify(scope)}]`, readFile)] as const;
    });
    return [name, new Map(parsed)] as const;
  });
  return {
    kind: "containers",
    default: requirementsOf(policy["default"], "default", readFile),
    transports: new Map(transports),
  };
}

/** A scope that could never match is a mistake that would let its images fall to a weaker one. */
function checkScope(scope: string): void {
  const host = String.raw`[A-Za-z0-9.-]+(?::[0-9]+)?|\[[0-9A-Fa-f:]+\](?::[0-9]+)?`;
  const isWildcard = /^\*\.[A-Za-z0-9.-]+$/.test(scope);
  if (scope === "" || isWildcard || new RegExp(`^(?:${host})$`).test(scope)) return;
  try {
    if (/^[^/]*[.:][^/]*\/|^localhost\//.test(scope)) parseReference(scope);
    else throw new Fault("invalid", "it begins with no host");
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Fault("invalid", `transports.docker has the scope ${JSON.stringify(scope)}: ${error.message}`);
  }
}

function requirementsOf(value: unknown, what: string, readFile: ReadFile): readonly Requirement[] {
  const list = asArray(value, what, MAX_ENTRIES);
  if (list.length === 0) throw new Fault("invalid", `${what} is empty: it would mean nothing`);
  return list.map((one, index) => requirementOf(asObject(one, what), `${what}[${index}]`, readFile));
}

function requirementOf(object: JsonObject, what: string, readFile: ReadFile): Requirement {
  const type = asString(object["type"], `${what}.type`);
  switch (type) {
    case "insecureAcceptAnything":
    case "reject":
      onlyKeys(object, ["type"], what);
      return { type };
    case "signedBy":
      onlyKeys(object, ["type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"], what);
      return {
        type: "unsupported",
        why: "it asks for GPG signatures (signedBy), which are not verified here",
      };
    case "sigstoreSigned":
      return sigstoreSigned(object, what, readFile);
    default:
      throw new Fault("invalid", `${what} has the unknown type ${JSON.stringify(type.slice(0, 100))}`);
  }
}

const keyFields = ["keyPath", "keyPaths", "keyData", "keyDatas"] as const;
const rekorFields = [
  "rekorPublicKeyPath",
  "rekorPublicKeyPaths",
  "rekorPublicKeyData",
  "rekorPublicKeyDatas",
] as const;

function sigstoreSigned(object: JsonObject, what: string, readFile: ReadFile): Requirement {
  onlyKeys(object, ["type", ...keyFields, "fulcio", "pki", ...rekorFields, "signedIdentity"], what);
  const identity = identityOf(object["signedIdentity"], `${what}.signedIdentity`);
  const sources = [...keyFields, "fulcio", "pki"].filter((name) => !isAbsent(object[name]));
  if (sources.length !== 1)
    throw new Fault(
      "invalid",
      `${what} needs one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki, and not more`,
    );
  const log = rekorFields.filter((name) => !isAbsent(object[name]));
  if (log.length > 1) throw new Fault("invalid", `${what} has ${log.join(" and ")}`);
  if (!isAbsent(object["fulcio"])) return fulcio(object, what, log.length > 0);
  if (log.length > 0)
    return {
      type: "unsupported",
      why: `it asks for a transparency log (${log[0]}), which is not looked at here`,
    };
  const anchor = isAbsent(object["pki"])
    ? keysOf(object, what, readFile)
    : pkiOf(asObject(object["pki"], `${what}.pki`), `${what}.pki`, readFile);
  return { type: "sigstoreSigned", anchor, identity };
}

function fulcio(object: JsonObject, what: string, hasLog: boolean): Requirement {
  const given = asObject(object["fulcio"], `${what}.fulcio`);
  onlyKeys(given, ["caPath", "caData", "oidcIssuer", "subjectEmail"], `${what}.fulcio`);
  if (!hasLog) throw new Fault("invalid", `${what}.fulcio needs a rekorPublicKey beside it`);
  return {
    type: "unsupported",
    why: "it asks for keyless signatures (fulcio), which cannot be verified without a network",
  };
}

function keysOf(object: JsonObject, what: string, readFile: ReadFile): SigstoreAnchor {
  const paths = [...single(object, "keyPath"), ...several(object, "keyPaths")];
  const data = [...single(object, "keyData"), ...several(object, "keyDatas")];
  const pems = [...paths.map(readFile), ...data.map((text) => fromBase64(text, `${what}.keyData`))];
  if (pems.length === 0) throw new Fault("invalid", `${what} names no key`);
  return { kind: "keys", keys: pems.map((pem) => parsePublicKey(Buffer.from(pem).toString())) };
}

function pkiOf(pki: JsonObject, what: string, readFile: ReadFile): SigstoreAnchor {
  onlyKeys(
    pki,
    [
      "caRootsPath",
      "caRootsData",
      "caIntermediatesPath",
      "caIntermediatesData",
      "subjectEmail",
      "subjectHostname",
    ],
    what,
  );
  const roots = pemOf(pki, "caRoots", what, readFile);
  const intermediates = pemOf(pki, "caIntermediates", what, readFile);
  const subjectEmail = optionalString(pki["subjectEmail"], `${what}.subjectEmail`);
  const subjectHostname = optionalString(pki["subjectHostname"], `${what}.subjectHostname`);
  if (roots === undefined) throw new Fault("invalid", `${what} needs caRootsPath or caRootsData`);
  if (!subjectEmail && !subjectHostname)
    throw new Fault("invalid", `${what} needs subjectEmail or subjectHostname`);
  return {
    kind: "pki",
    roots: parsePemCertificates(roots),
    intermediates: intermediates === undefined ? [] : parsePemCertificates(intermediates),
    ...(subjectEmail && { subjectEmail }),
    ...(subjectHostname && { subjectHostname }),
  };
}

function pemOf(object: JsonObject, name: string, what: string, readFile: ReadFile): string | undefined {
  const path = optionalString(object[`${name}Path`], `${what}.${name}Path`);
  const data = optionalString(object[`${name}Data`], `${what}.${name}Data`);
  if (path !== undefined && data !== undefined)
    throw new Fault("invalid", `${what} has both ${name}Path and ${name}Data`);
  if (path !== undefined) return Buffer.from(readFile(path)).toString();
  return data === undefined ? undefined : fromBase64(data, `${what}.${name}Data`).toString();
}

function single(object: JsonObject, name: string): readonly string[] {
  return isAbsent(object[name]) ? [] : [asString(object[name], name)];
}

function several(object: JsonObject, name: string): readonly string[] {
  return optionalStrings(object[name], name, MAX_ENTRIES) ?? [];
}

function identityOf(value: unknown, what: string): SignedIdentity {
  if (isAbsent(value)) return { type: "matchRepoDigestOrExact" };
  const object = asObject(value, what);
  const type = asString(object["type"], `${what}.type`);
  const text = (name: string) => asString(object[name], `${what}.${name}`);
  switch (type) {
    case "matchExact":
    case "matchRepoDigestOrExact":
    case "matchRepository":
    case "matchDigest":
      onlyKeys(object, ["type"], what);
      return { type };
    case "exactReference": {
      onlyKeys(object, ["type", "dockerReference"], what);
      const dockerReference = parseReference(text("dockerReference"));
      if (dockerReference.tag === undefined && dockerReference.digest === undefined)
        throw new Fault("invalid", `${what}.dockerReference has neither tag nor digest`);
      return { type, dockerReference };
    }
    case "exactRepository":
      onlyKeys(object, ["type", "dockerRepository"], what);
      return { type, dockerRepository: repositoryOf(parseReference(text("dockerRepository"))) };
    case "remapIdentity":
      onlyKeys(object, ["type", "prefix", "signedPrefix"], what);
      return { type, prefix: text("prefix"), signedPrefix: text("signedPrefix") };
    default:
      throw new Fault("invalid", `${what} has the unknown type ${JSON.stringify(type.slice(0, 100))}`);
  }
}
