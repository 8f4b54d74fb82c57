import { createHash } from "node:crypto";
import { hexOf } from "#oci/digest.ts";
import { imageUrl } from "./image-url.ts";
import type { Licence } from "./licence.ts";
import type { Distribution, Package } from "./package.ts";
import { packageUrl } from "./package-url.ts";
import { rfc3339, type SbomSubject } from "./sbom-subject.ts";

/** A bill of materials as an object for JSON. @see CycloneDX 1.6 (ECMA-424), bom-1.6.schema.json */
export function cycloneDx(subject: SbomSubject): object {
  const { inventory, digest, layers, time } = subject;
  const { name, purl } = imageUrl(subject);
  const root = `image-${hexOf(digest).slice(0, 16)}`;
  const components = componentsOf(subject);
  const hasGaps = inventory.unread.length > 0;
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(`${digest} ${time} ${subject.reference ?? ""}`)}`,
    version: 1,
    metadata: {
      timestamp: rfc3339(time),
      tools: { components: [{ type: "application", name: "gantry", version: subject.toolVersion }] },
      component: {
        type: "container",
        "bom-ref": root,
        name,
        version: digest,
        purl,
        properties: [
          { name: "gantry:image:platform", value: `${subject.os}/${subject.architecture}` },
          ...layers.map((layer, index) => ({ name: `gantry:image:layer:${index}`, value: layer })),
          ...inventory.unread.map(({ path, reason }) => ({
            name: "gantry:image:unread",
            value: path === "" ? reason : `${path}: ${reason}`,
          })),
        ],
      },
    },
    components,
    dependencies: [{ ref: root, dependsOn: components.map((component) => component["bom-ref"]) }],
    compositions: [{ aggregate: hasGaps ? "incomplete" : "unknown", assemblies: [root] }],
  };
}

function componentsOf({ inventory, layers }: SbomSubject) {
  const { distribution, packages } = inventory;
  const used = new Map<string, number>();
  const unique = (purl: string) => {
    const count = used.get(purl) ?? 0;
    used.set(purl, count + 1);
    return count === 0 ? purl : `${purl}#${count}`;
  };
  const found = packages.map((one) => componentOf(one, layers, distribution, unique));
  return distribution === undefined ? found : [...found, systemOf(distribution)];
}

function componentOf(
  found: Package,
  layers: readonly string[],
  distribution: Distribution | undefined,
  unique: (purl: string) => string,
) {
  const purl = packageUrl(found, distribution);
  const { publisher, licences, path, layer, architecture, source } = found;
  const [group, name] = splitName(found);
  return {
    type: "library",
    "bom-ref": unique(purl),
    ...(publisher !== undefined && { publisher }),
    ...(group !== undefined && { group }),
    name,
    version: found.version,
    ...(licences.length > 0 && { licenses: licencesOf(licences) }),
    purl,
    properties: [
      ...(architecture === undefined ? [] : [{ name: "gantry:package:architecture", value: architecture }]),
      ...(source === undefined
        ? []
        : [{ name: "gantry:package:source", value: `${source.name} ${source.version}` }]),
      { name: "gantry:package:layer", value: layers[layer] ?? String(layer) },
      { name: "gantry:package:path", value: `/${path}` },
    ],
  };
}

function splitName({ kind, name }: Package): readonly [group: string | undefined, name: string] {
  const slash = kind === "npm" ? name.indexOf("/") : -1;
  return slash < 0 ? [undefined, name] : [name.slice(0, slash), name.slice(slash + 1)];
}

/** Either one expression, or a list of identifiers and names. */
function licencesOf(licences: readonly Licence[]): readonly object[] {
  const [first] = licences;
  if (licences.length === 1 && first?.kind === "expression" && first.expression.includes(" "))
    return [{ expression: first.expression }];
  return licences.map((licence) => {
    if (licence.kind === "named") return { license: { name: licence.name } };
    const { expression } = licence;
    return { license: expression.includes(" ") ? { name: expression } : { id: expression } };
  });
}

function systemOf({ id, versionId, prettyName, codename }: Distribution) {
  return {
    type: "operating-system",
    "bom-ref": `os-${id}${versionId === undefined ? "" : `-${versionId}`}`,
    name: id,
    ...(versionId !== undefined && { version: versionId }),
    ...(prettyName !== undefined && { description: prettyName }),
    ...(codename !== undefined && { properties: [{ name: "gantry:os:codename", value: codename }] }),
  };
}

/** The same text gives the same one. @see RFC 9562, section 5.8 */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
