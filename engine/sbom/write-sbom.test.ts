import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDigest } from "#oci/digest.ts";
import { parseApkDatabase } from "./apk.ts";
import { parseCopyright, parseDpkgStatus } from "./dpkg.ts";
import { parseGoBuildInfo } from "./go-build-info.ts";
import { parsePackageJson, parsePythonMetadata } from "./language-packages.ts";
import { parseLicence } from "./licence.ts";
import { parseOsRelease } from "./os-release.ts";
import type { Package } from "./package.ts";
import { packageUrl } from "./package-url.ts";
import type { SbomSubject } from "./sbom-subject.ts";
import { writeSbom } from "./write-sbom.ts";

const debian = { id: "debian", versionId: "12", codename: "bookworm", prettyName: "Debian GNU/Linux 12" };
const found = (more: Partial<Package>): Package => ({
  kind: "deb",
  name: "libstdc++6",
  version: "12.2.0-14+deb12u1",
  architecture: "amd64",
  licences: [],
  path: "var/lib/dpkg/status",
  layer: 0,
  ...more,
});
const subject = (packages: readonly Package[]): SbomSubject => ({
  reference: "docker.io/acme/app:1",
  digest: parseDigest(`sha256:${"ab".repeat(32)}`),
  architecture: "amd64",
  os: "linux",
  layers: [`sha256:${"cd".repeat(32)}`],
  inventory: { distribution: debian, packages, unread: [] },
  time: 1_700_000_000,
  toolVersion: "0.1.0",
});

test("packageUrl: as the specification writes it", () => {
  assert.equal(
    packageUrl(found({ source: { name: "gcc-12", version: "12.2.0-14" } }), debian),
    "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12&upstream=gcc-12%4012.2.0-14",
  );
  const urls: readonly (readonly [Partial<Package>, string])[] = [
    [{ kind: "npm", name: "@types/node", version: "1.0.0" }, "pkg:npm/%40types/node@1.0.0"],
    [{ kind: "golang", name: "golang.org/x/net", version: "v0.1.0" }, "pkg:golang/golang.org/x/net@v0.1.0"],
    [{ kind: "pypi", name: "foo-bar", version: "1.0+local" }, "pkg:pypi/foo-bar@1.0%2Blocal"],
    [
      { kind: "rpm", name: "bash", version: "1:5.1-2.el9" },
      "pkg:rpm/debian/bash@5.1-2.el9?arch=amd64&distro=debian-12&epoch=1",
    ],
    [
      { name: "zlib1g", version: "1:1.2~rc1-1" },
      "pkg:deb/debian/zlib1g@1:1.2~rc1-1?arch=amd64&distro=debian-12",
    ],
  ];
  for (const [more, url] of urls) assert.equal(packageUrl(found(more), debian), url);
});

test("parseLicence: Debian's names, expressions, and what stays a name", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["GPL-2+", "GPL-2.0-or-later"],
    ["GPLv3", "GPL-3.0-only"],
    ["LGPL-2.1", "LGPL-2.1-only"],
    ["GFDL-1.3+", "GFDL-1.3-or-later"],
    ["Expat", "MIT"],
    ["mit", "MIT"],
    ["(MIT or GPL-2+) and ISC", "(MIT OR GPL-2.0-or-later) AND ISC"],
  ];
  for (const [text, expression] of cases)
    assert.deepEqual(parseLicence(text), { kind: "expression", expression }, text);
  for (const name of ["GPL-2+ with OpenSSL exception", "public-domain", "MIT OR", "(MIT", "BSD", "GPL-9"])
    assert.deepEqual(parseLicence(name), { kind: "named", name });
  for (const text of ["", "  ", "UNKNOWN"]) assert.equal(parseLicence(text), undefined);
});

/** Strings that parsers trip over. */
const hostileText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc
    .array(
      fc.constantFrom(
        "Package: ",
        "Version: 1",
        "\n",
        "\n\n",
        " ",
        ":",
        "P:a",
        "V:1",
        "License: ",
        "(",
        ")",
        "AND",
        "\0",
        "ID=",
        '"',
        "\\",
        "{",
        "__proto__",
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join("")),
);

test("parsers of packages: no text makes them throw", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      Array.from(parseDpkgStatus(text));
      Array.from(parseApkDatabase(text));
      parseCopyright(`Format: x\n${text}`);
      parsePythonMetadata(text);
      parsePackageJson(Buffer.from(text));
      parseOsRelease(text);
      parseLicence(text);
      parseGoBuildInfo(Buffer.from(`\xff Go buildinf:\x08\x02${text}`, "latin1"));
    }),
    { numRuns: 2000 },
  );
});

const purl =
  /^pkg:[a-z]+\/[A-Za-z0-9.\-_~%:/]+@[A-Za-z0-9.\-_~%:]+(\?[a-z_]+=[A-Za-z0-9.\-_~%:]+(&[a-z_]+=[A-Za-z0-9.\-_~%:]+)*)?(#\d+)?$/;

test("writeSbom: whatever packages are called, both formats keep their form", () => {
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 30 });
  const one = fc
    .record({ name: text, version: text, licence: text, publisher: text, path: text })
    .map(({ licence, ...more }) =>
      found({ ...more, licences: [parseLicence(licence)].filter((item) => item !== undefined) }),
    );
  fc.assert(
    fc.property(fc.array(one, { maxLength: 5 }), (packages) => {
      checkCycloneDx(JSON.parse(writeSbom(subject(packages), "cyclonedx-json")), packages.length);
      checkSpdx(JSON.parse(writeSbom(subject(packages), "spdx-json")), packages.length);
    }),
    { numRuns: 300 },
  );
});

/** A document of any shape. */
type Any = ReturnType<typeof JSON.parse>;

/** What bom-1.6.schema.json asks of the fields that are written. */
function checkCycloneDx(document: Any, count: number): void {
  assert.equal(document.bomFormat, "CycloneDX");
  assert.equal(document.specVersion, "1.6");
  assert.match(
    document.serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.match(document.metadata.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(document.components.length, count + 1);
  const refs = document.components.map((one: Any) => one["bom-ref"]);
  assert.equal(new Set(refs).size, refs.length);
  for (const one of document.components) {
    assert.ok(["library", "operating-system"].includes(one.type));
    if (one.purl !== undefined) assert.match(one.purl, purl);
    const licenses: Any[] = one.licenses ?? [];
    if (licenses.some((entry) => entry.expression !== undefined)) assert.equal(licenses.length, 1);
    for (const { license } of licenses.filter((entry) => entry.expression === undefined))
      assert.equal(typeof (license.id ?? license.name), "string");
  }
  assert.deepEqual(document.dependencies[0].dependsOn, refs);
}

/** What spdx-schema.json of 2.3 and clause 7 ask. */
function checkSpdx(document: Any, count: number): void {
  assert.equal(document.spdxVersion, "SPDX-2.3");
  assert.equal(document.packages.length, count + 2);
  const ids = document.packages.map((one: Any) => one.SPDXID);
  for (const one of document.packages) {
    assert.match(one.SPDXID, /^SPDXRef-[A-Za-z0-9.-]+$/);
    assert.match(one.licenseDeclared, /^(NOASSERTION|[A-Za-z0-9.+\-() ]+)$/);
    if (one.supplier !== undefined) assert.match(one.supplier, /^(NOASSERTION$|(Person|Organization): )/);
    for (const { referenceLocator } of one.externalRefs ?? []) assert.match(referenceLocator, purl);
  }
  for (const { spdxElementId, relatedSpdxElement } of document.relationships)
    for (const id of [spdxElementId, relatedSpdxElement])
      assert.ok(id === "SPDXRef-DOCUMENT" || ids.includes(id));
  const known = (document.hasExtractedLicensingInfos ?? []).map((one: Any) => one.licenseId);
  for (const { licenseDeclared } of document.packages)
    for (const [id] of licenseDeclared.matchAll(/LicenseRef-[A-Za-z0-9.-]+/g)) assert.ok(known.includes(id));
}

test("writeSbom: the same subject gives the same bytes", () => {
  const packages = [found({}), found({ name: "x", licences: [{ kind: "named", name: "odd one" }] })];
  for (const format of ["cyclonedx-json", "spdx-json"] as const)
    assert.equal(writeSbom(subject(packages), format), writeSbom(subject([...packages]), format));
});
