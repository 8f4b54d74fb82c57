import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import type { Digest } from "#oci/digest.ts";
import { parseDigest } from "#oci/digest.ts";
import { asObject } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import { type ContainersPolicy, parseContainersPolicy } from "./containers-policy.ts";
import { type NotationPolicy, parseNotationPolicy } from "./notation-policy.ts";

export interface TrustPolicy {
  readonly file: string;
  readonly rules: ContainersPolicy | NotationPolicy;
  /** Of the file and of everything that it names: the same digest means the same verdicts. */
  readonly digest: Digest;
  /** The file's own text. */
  readonly text: string;
}

/**
 * Reads a policy file with all the keys and certificates that it names: `containers-policy.json`, or Notation's `trustpolicy.json`,
 * whose trust stores are in `truststore/x509` beside it.
 *
 * @throws {Fault} `invalid` with the file's name; a file that it names and that cannot be read counts
 */
export function readTrustPolicy(file: string): TrustPolicy {
  const hash = createHash("sha256");
  const read = (path: string): Buffer => {
    const bytes = readFileSync(path);
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
    return bytes;
  };
  try {
    const bytes = read(file);
    const isNotation = Object.hasOwn(
      asObject(parseStrictJson(bytes, "trust policy"), "trust policy"),
      "trustPolicies",
    );
    const stores = join(dirname(file), "truststore", "x509");
    const rules = isNotation
      ? parseNotationPolicy(bytes, (kind, name) => {
          const folder = join(stores, kind, name);
          return readdirSync(folder)
            .toSorted((left, right) => left.localeCompare(right))
            .map((entry) => read(join(folder, entry)));
        })
      : parseContainersPolicy(bytes, read);
    return { file, rules, digest: parseDigest(`sha256:${hash.digest("hex")}`), text: bytes.toString() };
  } catch (error) {
    throw new Fault("invalid", `trust policy ${file}: ${messageOf(error)}`, { cause: error });
  }
}
