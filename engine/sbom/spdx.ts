import { createHash } from "node:crypto";
import { hexOf } from "#oci/digest.ts";
import { imageUrl } from "./image-url.ts";
import type { Licence } from "./licence.ts";
import type { Distribution, Package } from "./package.ts";
import { packageUrl } from "./package-url.ts";
import { rfc3339, type SbomSubject } from "./sbom-subject.ts";

/** What else it has is for those who read the document. */
interface SpdxPackage {
  readonly SPDXID: string;
  readonly [field: string]: unknown;
}

/** A bill of materials as an object for JSON. @see SPDX 2.3, clauses 6 to 12, and spdx-schema.json of that version */
export function spdx(subject: SbomSubject): object {
  const { digest, inventory, time } = subject;
  const { name, purl } = imageUrl(subject);
  const created = rfc3339(time);
  const root = "SPDXRef-Image";
  const extracted = new Map<string, string>();
  const packages = inventory.packages.map((found) => packageOf(found, subject, extracted));
  const system = inventory.distribution && systemOf(inventory.distribution);
  const unique = hashOf(`${digest} ${time} ${name}`).slice(0, 32);
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `https://gantry.invalid/spdx/${hexOf(digest)}/${unique}`,
    creationInfo: { created, creators: [`Tool: gantry-${subject.toolVersion}`] },
    documentDescribes: [root],
    packages: [
      {
        SPDXID: root,
        name,
        versionInfo: digest,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        primaryPackagePurpose: "CONTAINER",
        licenseConcluded: "NOASSERTION",
        licenseDeclared: "NOASSERTION",
        copyrightText: "NOASSERTION",
        checksums: [{ algorithm: "SHA256", checksumValue: hexOf(digest) }],
        externalRefs: [purlRef(purl)],
        annotations: notesOf(subject).map((comment) => ({
          annotationDate: created,
          annotationType: "OTHER",
          annotator: `Tool: gantry-${subject.toolVersion}`,
          comment,
        })),
      },
      ...packages,
      ...(system === undefined ? [] : [system]),
    ],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: root },
      ...[...packages, ...(system === undefined ? [] : [system])].map(({ SPDXID }) => ({
        spdxElementId: root,
        relationshipType: "CONTAINS",
        relatedSpdxElement: SPDXID,
      })),
    ],
    ...(extracted.size > 0 && {
      hasExtractedLicensingInfos: Array.from(extracted, ([licenseId, text]) => ({
        licenseId,
        name: text,
        extractedText: text,
      })),
    }),
  };
}

function notesOf({ os, architecture, layers, inventory }: SbomSubject): readonly string[] {
  return [
    `platform ${os}/${architecture}`,
    ...layers.map((layer, index) => `layer ${index} ${layer}`),
    ...inventory.unread.map(({ path, reason }) => `unread ${path === "" ? reason : `${path}: ${reason}`}`),
  ];
}

function packageOf(
  found: Package,
  { inventory, layers }: SbomSubject,
  extracted: Map<string, string>,
): SpdxPackage {
  const { kind, name, version, architecture = "", path, licences, publisher, layer, source } = found;
  const id = hashOf([kind, name, version, architecture, path].join("\0")).slice(0, 16);
  return {
    SPDXID: `SPDXRef-Package-${kind}-${name.replaceAll(/[^A-Za-z0-9.-]/g, "-").slice(0, 100)}-${id}`,
    name,
    versionInfo: version,
    ...(publisher !== undefined && { supplier: supplierOf(publisher) }),
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    primaryPackagePurpose: kind === "deb" || kind === "apk" || kind === "rpm" ? "INSTALL" : "LIBRARY",
    licenseConcluded: "NOASSERTION",
    licenseDeclared: declared(licences, extracted),
    copyrightText: "NOASSERTION",
    sourceInfo: `found in /${path} of layer ${layers[layer] ?? layer}${
      source === undefined ? "" : `; built from ${source.name} ${source.version}`
    }`,
    externalRefs: [purlRef(packageUrl(found, inventory.distribution))],
  };
}

function purlRef(referenceLocator: string) {
  return { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator };
}

/** @see SPDX 2.3, clause 7.5 */
function supplierOf(publisher: string): string {
  const [, name = publisher, email] = /^(.*?)\s*<([^>]+)>\s*$/.exec(publisher) ?? [];
  const plain = name
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .replaceAll(/[()]/g, "")
    .trim();
  if (plain === "") return "NOASSERTION";
  return `${email === undefined ? "Organization" : "Person"}: ${plain}${email === undefined ? "" : ` (${email})`}`;
}

/** All of them hold; names that SPDX has no identifier for become references of this document. @see SPDX 2.3, annex D */
function declared(licences: readonly Licence[], extracted: Map<string, string>): string {
  if (licences.length === 0) return "NOASSERTION";
  const terms = licences.map((licence) => {
    if (licence.kind === "named") return referenceTo(licence.name, extracted);
    const { expression } = licence;
    return licences.length > 1 && expression.includes(" ") ? `(${expression})` : expression;
  });
  return terms.join(" AND ");
}

function referenceTo(name: string, extracted: Map<string, string>): string {
  const readable = name.replaceAll(/[^A-Za-z0-9.-]+/g, "-").slice(0, 64);
  const id = `LicenseRef-${readable}`;
  // Two names that read alike are told apart.
  const own = extracted.has(id) && extracted.get(id) !== name ? `${id}-${hashOf(name).slice(0, 8)}` : id;
  extracted.set(own, name);
  return own;
}

function systemOf({ id, versionId, prettyName }: Distribution): SpdxPackage {
  return {
    SPDXID: "SPDXRef-OperatingSystem",
    name: id,
    ...(versionId !== undefined && { versionInfo: versionId }),
    ...(prettyName !== undefined && { description: prettyName }),
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    primaryPackagePurpose: "OPERATING_SYSTEM",
    licenseConcluded: "NOASSERTION",
    licenseDeclared: "NOASSERTION",
    copyrightText: "NOASSERTION",
  };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
