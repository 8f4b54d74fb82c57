import { Fault } from "#base/fault.ts";
import { findBool } from "#base/go-bool.ts";
import { flagOf } from "./image-attributes.ts";

/** What `--provenance` says. @see github.com/moby/buildkit, frontend/attestations */
export interface ProvenanceRequest {
  /** With arguments, secrets and the Dockerfile, or without. */
  readonly isWhole: boolean;
  readonly version: "v0.2" | "v1";
  readonly builderId: string;
  readonly isReproducible: boolean;
  /** Only where other attestations are, or several platforms: it does not make an index of its own. */
  readonly isInlineOnly: boolean;
}

/** What a client wants to be told of how its build came to be, and of what it consists. */
export interface AttestRequest {
  readonly provenance: ProvenanceRequest | undefined;
  readonly hasSbom: boolean;
}

/** @throws {Fault} `invalid` with BuildKit's texts */
export function parseAttestRequest(attributes: ReadonlyMap<string, string>): AttestRequest {
  for (const name of attributes.keys()) {
    const [, type] = /^attest:(.*)$/s.exec(name) ?? [];
    if (type !== undefined && type !== "provenance" && type !== "sbom")
      throw new Fault("invalid", `unknown attestation type ${quoted(type)}`);
  }
  const provenance = attributes.get("attest:provenance");
  const sbom = attributes.get("attest:sbom");
  return {
    provenance: provenance === undefined ? undefined : parseProvenance(fieldsOf(provenance)),
    hasSbom: sbom !== undefined && wantsSbom(fieldsOf(sbom)),
  };
}

function parseProvenance(fields: ReadonlyMap<string, string>): ProvenanceRequest | undefined {
  if (flagOf(fields, "disabled", false)) return undefined;
  const mode = fields.get("mode") ?? "max";
  if (!["min", "max"].includes(mode)) throw new Fault("invalid", `invalid mode ${quoted(mode)}`);
  const version = (fields.get("version") ?? "") === "" ? "v0.2" : fields.get("version");
  if (version !== "v0.2" && version !== "v1")
    throw new Fault("invalid", `invalid provenance SLSA version: ${version?.slice(0, 100)}`);
  return {
    isWhole: mode !== "min",
    version,
    builderId: fields.get("builder-id") ?? "",
    isReproducible: isReproducible(fields),
    isInlineOnly: findBool(fields.get("inline-only") ?? "") === true,
  };
}

function isReproducible(fields: ReadonlyMap<string, string>): boolean {
  try {
    return flagOf(fields, "reproducible", false);
  } catch (error) {
    const value = quoted(fields.get("reproducible") ?? "");
    const message = `failed to parse reproducible flag ${value}: strconv.ParseBool: parsing ${value}: invalid syntax`;
    throw new Fault("invalid", message, { cause: error });
  }
}

/** Packages are looked up here: nothing of the image is run for it. */
function wantsSbom(fields: ReadonlyMap<string, string>): boolean {
  if (flagOf(fields, "disabled", false)) return false;
  const generator = fields.get("generator") ?? "";
  if (generator !== "")
    throw new Fault(
      "not-implemented",
      `sbom generator ${quoted(generator)} is not supported: this engine takes the inventory itself`,
    );
  return true;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/** `a=b,c="d,e"` */
function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [, quotedField, plain = ""] of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    const field = quotedField?.replaceAll('""', '"') ?? plain;
    if (field === "") continue;
    const at = field.indexOf("=");
    if (at < 0) throw new Fault("invalid", `invalid value ${field.slice(0, 100)}`);
    fields.set(field.slice(0, at).trim().toLowerCase(), field.slice(at + 1));
  }
  return fields;
}
