import { csvPairs } from "./csv-fields.ts";
import { badOption } from "./bad-option.ts";

/**
 * Attestations as attributes of the front end, `attest:sbom` and the like: those of `--attest`, and of `--provenance` and `--sbom`,
 * which win.
 *
 * @throws {Fault} `invalid` with buildx's texts
 */
export function attestAttributes(flags: {
  readonly attest: readonly string[];
  readonly provenance?: string | undefined;
  readonly sbom?: string | undefined;
}): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const specs = [...flags.attest];
  if (flags.provenance !== undefined) specs.push(shorthand("provenance", flags.provenance));
  if (flags.sbom !== undefined) specs.push(shorthand("sbom", flags.sbom));
  for (const spec of specs) {
    const pairs = csvPairs(spec, (field) => badOption(`invalid value ${field}`));
    const type = pairs.find(([key]) => key === "type")?.[1] ?? "";
    if (type === "") throw badOption("attestation type not specified");
    const isOff = pairs.some(([key, value]) => key === "disabled" && /^(1|t|true)$/i.test(value));
    const rest = pairs.filter(([key]) => key !== "type" && key !== "disabled");
    if (isOff) found.delete(`attest:${type}`);
    else found.set(`attest:${type}`, rest.map(([key, value]) => `${key}=${value}`).join(","));
  }
  return found;
}

function shorthand(type: string, value: string): string {
  if (/^(1|t|true)$/i.test(value)) return `type=${type}`;
  if (/^(0|f|false)$/i.test(value)) return `type=${type},disabled=true`;
  return `type=${type},${value}`;
}
