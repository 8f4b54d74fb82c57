import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseDigest } from "./digest.ts";
import {
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  repositoryOf,
  withDefaultTag,
  withDigest,
  withTag,
} from "./reference.ts";

const hex = "0123456789abcdef".repeat(4);

test("parseReference: familiar names get the default domain, official ones the library folder", () => {
  const canonical = (text: string) => formatReference(withDefaultTag(parseReference(text)));
  const cases: readonly (readonly [string, string])[] = [
    ["nginx", "docker.io/library/nginx:latest"],
    ["nginx:1.27-alpine", "docker.io/library/nginx:1.27-alpine"],
    ["me/app", "docker.io/me/app:latest"],
    ["library/nginx", "docker.io/library/nginx:latest"],
    ["docker.io/nginx", "docker.io/library/nginx:latest"],
    ["index.docker.io/me/app", "docker.io/me/app:latest"],
    ["index.docker.io/nginx", "docker.io/library/nginx:latest"],
    ["localhost/a", "localhost/a:latest"],
    ["localhost:5000/a/b:v1", "localhost:5000/a/b:v1"],
    ["127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"],
    ["[::1]:5000/a", "[::1]:5000/a:latest"],
    ["quay.io/a/b__c/d-e---f", "quay.io/a/b__c/d-e---f:latest"],
    ["Upper/app", "Upper/app:latest"],
    ["test.com:tag", "docker.io/library/test.com:tag"],
    ["test:5000", "docker.io/library/test:5000"],
    [`a@sha256:${hex}`, `docker.io/library/a@sha256:${hex}`],
    [`quay.io/a:v1@sha256:${hex}`, `quay.io/a:v1@sha256:${hex}`],
    [`sha256:${hex.slice(0, 12)}`, `docker.io/library/sha256:${hex.slice(0, 12)}`],
  ];
  for (const [text, expected] of cases) assert.equal(canonical(text), expected);
});

test("parseReference: refuses what the grammar does not allow", () => {
  const bad = [
    "",
    ":tag",
    "@",
    "a:",
    "a@",
    "a/",
    "/a",
    "a//b",
    "a b",
    "a..b",
    "a___b",
    "-a",
    "a-",
    "a:.tag",
    "a:-tag",
    `a:${"t".repeat(129)}`,
    "a:b:c",
    "a@sha256:abc",
    "http://a/b",
    "a\n",
    "ä",
    "-x.com/a",
    "x-.com/a",
    "x.com:/a",
    "x.com:port/a",
    "[fe80::1%eth0]/a",
  ];
  for (const text of bad)
    assert.throws(
      () => parseReference(text),
      (error) => isFault(error, "invalid") && error.message === "invalid reference format",
      JSON.stringify(text),
    );
});

test("parseReference: speaks of upper case, length, image IDs and digests in Docker's words", () => {
  const message = (text: string) => {
    try {
      return formatReference(parseReference(text));
    } catch (error) {
      return isFault(error, "invalid") ? error.message : error;
    }
  };
  assert.equal(message("myRepo/App:v1"), "invalid reference format: repository name (App) must be lowercase");
  assert.equal(
    message("Busybox"),
    "invalid reference format: repository name (library/Busybox) must be lowercase",
  );
  assert.equal(message(hex), `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`);
  assert.equal(message("a".repeat(256)), "repository name must not be more than 255 characters");
  assert.equal(message(`a@sha512:${hex}${hex}`), "unsupported digest algorithm");
  assert.equal(message(`a@sha256:${hex.slice(1)}`), "invalid checksum digest length");
  assert.equal(message(`a@sha256:${hex.toUpperCase()}`), "invalid checksum digest format");
});

test("familiarReference: is the shortest form that means the same", () => {
  const familiar = (text: string) => familiarReference(parseReference(text));
  assert.equal(familiar("docker.io/library/nginx:1"), "nginx:1");
  assert.equal(familiar("docker.io/me/app"), "me/app");
  assert.equal(familiar("docker.io/library/a/b"), "library/a/b");
  assert.equal(familiar("quay.io/library/nginx"), "quay.io/library/nginx");
  assert.equal(familiarName(parseReference("nginx:1")), "nginx");
});

test("withTag: replaces tag and digest; withDigest likewise", () => {
  const reference = parseReference(`a:1@sha256:${hex}`);
  assert.equal(familiarReference(withTag(reference, "2")), "a:2");
  assert.equal(familiarReference(withDigest(reference, parseDigest(`sha256:${hex}`))), `a@sha256:${hex}`);
  assert.equal(repositoryOf(reference), "docker.io/library/a");
  assert.throws(() => withTag(reference, "?"), /invalid tag format/);
});

test("parseReference: the canonical form parses to itself, the familiar form to the same reference", () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,4})?$/);
  const domain = fc.constantFrom(
    "",
    "localhost/",
    "localhost:5000/",
    "quay.io/",
    "[::1]:443/",
    "docker.io/",
    "UP/",
  );
  const tag = fc.oneof(fc.constant(""), fc.stringMatching(/^:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/));
  const digest = fc.constantFrom("", `@sha256:${hex}`);
  const name = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(domain, name, tag, digest, (...parts) => {
      const text = parts.join("");
      fc.pre(!/^[0-9a-f]{64}$/.test(text));
      const reference = parseReference(text);
      assert.deepEqual(parseReference(formatReference(reference)), reference);
      assert.deepEqual(parseReference(familiarReference(reference)), reference);
    }),
    { numRuns: 2000 },
  );
});

test("parseReference: any text gives a reference that survives a round trip, or an invalid fault", () => {
  const alphabet = fc.constantFrom(
    ...Array.from("aAz0./:@_-[]% \u0000é"),
    `sha256:${hex}`,
    "localhost",
    "docker.io/",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 300 }),
        fc.array(alphabet, { maxLength: 40 }).map((a) => a.join("")),
      ),
      (text) => {
        try {
          const reference = parseReference(text);
          assert.deepEqual(parseReference(formatReference(reference)), reference);
        } catch (error) {
          assert.ok(isFault(error, "invalid"), String(error));
        }
      },
    ),
    { numRuns: 5000 },
  );
});
