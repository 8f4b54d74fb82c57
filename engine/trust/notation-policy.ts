import { Fault } from "#base/fault.ts";
import { type Reference, repositoryOf } from "#oci/reference.ts";
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
import { type Certificate, parseCertificate, parsePemCertificates } from "./certificate.ts";

/** What is looked at beside integrity, and what comes of a failure. */
export type NotationCheck = "authenticity" | "authenticTimestamp" | "expiry" | "revocation";
export type NotationAction = "enforce" | "log" | "skip";

export interface NotationStatement {
  readonly name: string;
  /** Repositories, or `*` for all. */
  readonly scopes: readonly string[];
  /** Undefined: nothing is looked at at all. */
  readonly actions: Readonly<Record<NotationCheck, NotationAction>> | undefined;
  /** For the scheme `notary.x509`. */
  readonly authorities: readonly Certificate[];
  /** For the scheme `notary.x509.signingAuthority`. */
  readonly signingAuthorities: readonly Certificate[];
  /** Attributes that a subject must have, or undefined for anybody. */
  readonly identities: readonly ReadonlyMap<string, string>[] | undefined;
}

/** A policy of the Notary Project. @see notaryproject/specifications v1.1, trust-store-trust-policy.md */
export interface NotationPolicy {
  readonly kind: "notation";
  readonly statements: readonly NotationStatement[];
}

const levels: Readonly<Record<string, Readonly<Record<NotationCheck, NotationAction>> | undefined>> = {
  strict: {
    authenticity: "enforce",
    authenticTimestamp: "enforce",
    expiry: "enforce",
    revocation: "enforce",
  },
  permissive: { authenticity: "enforce", authenticTimestamp: "log", expiry: "log", revocation: "log" },
  audit: { authenticity: "log", authenticTimestamp: "log", expiry: "log", revocation: "log" },
  skip: undefined,
};
const MAX_ENTRIES = 1000;

/** The certificate files of `<kind>/<name>` in the trust store. @throws {Fault} `invalid` when there is no such store */
export type ReadStore = (kind: string, name: string) => readonly Uint8Array[];

/** @throws {Fault} `invalid`, also for a field that is unknown, a scope in two statements, or a store without a certificate */
export function parseNotationPolicy(bytes: Uint8Array, readStore: ReadStore): NotationPolicy {
  const policy = asObject(parseStrictJson(bytes, "trust policy"), "trust policy");
  onlyKeys(policy, ["version", "trustPolicies"], "trust policy");
  if (policy["version"] !== "1.0") throw new Fault("invalid", "trust policy: only version 1.0 is known");
  const list = asArray(policy["trustPolicies"], "trustPolicies", MAX_ENTRIES);
  if (list.length === 0) throw new Fault("invalid", "trustPolicies is empty");
  const statements = list.map((one) => statementOf(asObject(one, "trustPolicies"), readStore));
  unique(
    statements.map(({ name }) => name),
    "name",
  );
  unique(
    statements.flatMap(({ scopes }) => scopes),
    "registry scope",
  );
  return { kind: "notation", statements };
}

function statementOf(object: JsonObject, readStore: ReadStore): NotationStatement {
  const name = asString(object["name"], "trustPolicies.name");
  onlyKeys(
    object,
    ["name", "registryScopes", "signatureVerification", "trustStores", "trustedIdentities"],
    name,
  );
  const scopes = optionalStrings(object["registryScopes"], "registryScopes", MAX_ENTRIES) ?? [];
  if (name === "" || scopes.length === 0 || (scopes.length > 1 && scopes.includes("*")))
    throw new Fault(
      "invalid",
      `trust policy ${name} needs a name and registryScopes: repositories, or "*" alone`,
    );
  for (const scope of scopes)
    if (scope !== "*" && !/^[^*/]+\/[^*:@]+$/.test(scope))
      throw new Fault("invalid", `trust policy ${name}: ${scope} is no repository`);
  const actions = actionsOf(asObject(object["signatureVerification"], "signatureVerification"), name);
  const stores = optionalStrings(object["trustStores"], "trustStores", MAX_ENTRIES) ?? [];
  const identities = optionalStrings(object["trustedIdentities"], "trustedIdentities", MAX_ENTRIES) ?? [];
  if (actions !== undefined && (stores.length === 0 || identities.length === 0))
    throw new Fault("invalid", `trust policy ${name} needs trustStores and trustedIdentities`);
  return {
    name,
    scopes,
    actions,
    authorities: certificatesOf(stores, "ca", readStore),
    signingAuthorities: certificatesOf(stores, "signingAuthority", readStore),
    identities: identities.includes("*") ? undefined : identities.map(identityOf),
  };
}

function actionsOf(object: JsonObject, name: string): NotationStatement["actions"] {
  onlyKeys(object, ["level", "override", "verifyTimestamp"], name);
  const level = asString(object["level"], "level");
  if (!Object.hasOwn(levels, level))
    throw new Fault("invalid", `trust policy ${name}: unknown level ${level}`);
  const actions = levels[level];
  const verifyTimestamp = optionalString(object["verifyTimestamp"], "verifyTimestamp") ?? "always";
  if (!["always", "afterCertExpiry"].includes(verifyTimestamp))
    throw new Fault("invalid", `trust policy ${name}: unknown verifyTimestamp`);
  if (isAbsent(object["override"])) return actions;
  const override = asObject(object["override"], "override");
  if (actions === undefined) throw new Fault("invalid", `trust policy ${name}: skip cannot be overridden`);
  onlyKeys(override, Object.keys(actions), "override");
  const changed: Record<string, string> = {};
  for (const [check, value] of Object.entries(override)) {
    const action = asString(value, `override.${check}`);
    if (!["enforce", "log", "skip"].includes(action) || (check === "authenticity" && action === "skip"))
      throw new Fault("invalid", `trust policy ${name}: ${check} cannot be ${action}`);
    changed[check] = action;
  }
  return { ...actions, ...changed };
}

function certificatesOf(
  stores: readonly string[],
  kind: string,
  readStore: ReadStore,
): readonly Certificate[] {
  return stores.flatMap((store) => {
    const [given = "", name = ""] = store.split(":");
    if (
      !["ca", "signingAuthority", "tsa"].includes(given) ||
      !/^[a-zA-Z0-9_.-]+$/.test(name) ||
      /^\.+$/.test(name)
    )
      throw new Fault("invalid", `${store} is no trust store: ca:NAME, signingAuthority:NAME or tsa:NAME`);
    if (given !== kind) return [];
    const found = readStore(kind, name).flatMap((file) =>
      Buffer.from(file).includes("-----BEGIN CERTIFICATE-----")
        ? parsePemCertificates(Buffer.from(file).toString())
        : [parseCertificate(file)],
    );
    if (found.length === 0) throw new Fault("invalid", `the trust store ${store} has no certificate`);
    return found;
  });
}

/** `x509.subject: C=US, ST=WA, O=wabbit` @throws {Fault} `invalid` unless it has C, ST and O */
function identityOf(text: string): ReadonlyMap<string, string> {
  const subject = /^x509\.subject:\s*(.+)$/.exec(text)?.[1];
  const attributes = new Map<string, string>();
  for (const part of subject?.split(/(?<!\\),/) ?? []) {
    const [, key = "", value = ""] = /^\s*([A-Za-z0-9.]+)\s*=\s*(.+?)\s*$/.exec(part) ?? [];
    if (key === "" || attributes.has(key)) throw new Fault("invalid", `${text} is no trusted identity`);
    attributes.set(key, value.replaceAll(/\\(.)/g, "$1"));
  }
  if (!["C", "ST", "O"].every((key) => attributes.has(key)))
    throw new Fault("invalid", `${text} is no trusted identity: it needs C, ST and O`);
  return attributes;
}

function unique(values: readonly string[], what: string): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw new Fault("invalid", `trust policy has the ${what} ${twice} twice`);
}

/** The statement for a repository: its own, else the one for all; undefined when nothing speaks of it. */
export function statementFor(
  { statements }: NotationPolicy,
  name: Reference | undefined,
): NotationStatement | undefined {
  const repository = name === undefined ? undefined : repositoryOf(name);
  const own = statements.find(({ scopes }) => repository !== undefined && scopes.includes(repository));
  return own ?? statements.find(({ scopes }) => scopes.includes("*"));
}
