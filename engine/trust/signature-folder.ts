import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isFault } from "#base/fault.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { asObject, asString, optionalString } from "#oci/shape.ts";
import { MAX_DOCUMENT_BYTES, parseStrictJson } from "#oci/strict-json.ts";
import { fromBase64 } from "./base64.ts";
import { type FoundSignature, MAX_SIGNATURES, type SignatureSource } from "./signature-source.ts";

/**
 * Signatures as files, for images whose signatures come another way than they do: `<folder>/sha256-<hex>/NAME.sigstore.json` is
 * a bundle, `NAME.jws` and `NAME.cose` are envelopes of Notation's, `NAME.simple.json` an object with `payload` and `signature` in base64, and
 * `certificate` and `chain` in PEM.
 */
export class SignatureFolder implements SignatureSource {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async find(subjects: readonly Digest[], signal: AbortSignal): Promise<readonly FoundSignature[]> {
    const found: FoundSignature[] = [];
    for (const subject of subjects) {
      const folder = join(this.#folder, `sha256-${hexOf(subject)}`);
      const names = await readdir(folder).catch(() => []);
      for (const name of names
        .toSorted((left, right) => left.localeCompare(right))
        .slice(0, MAX_SIGNATURES)) {
        signal.throwIfAborted();
        const signature = await readOne(join(folder, name));
        if (signature !== undefined) found.push(signature);
      }
    }
    return found;
  }
}

async function readOne(path: string): Promise<FoundSignature | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAX_DOCUMENT_BYTES) return undefined;
    if (path.endsWith(".sigstore.json")) return { format: "sigstore-bundle", bytes: await readFile(path) };
    if (path.endsWith(".jws")) return { format: "notation-jws", bytes: await readFile(path) };
    if (path.endsWith(".cose")) return { format: "notation-cose", bytes: await readFile(path) };
    if (path.endsWith(".simple.json")) return simpleOf(await readFile(path));
  } catch (error) {
    if (!isFault(error) && !(error instanceof Error && "code" in error)) throw error;
  }
  return undefined;
}

function simpleOf(bytes: Uint8Array): FoundSignature {
  const object = asObject(parseStrictJson(bytes, "signature"), "signature");
  const certificate = optionalString(object["certificate"], "certificate");
  const chain = optionalString(object["chain"], "chain");
  return {
    format: "simple-signing",
    payload: fromBase64(asString(object["payload"], "payload"), "payload"),
    signature: asString(object["signature"], "signature"),
    ...(certificate !== undefined && { certificate }),
    ...(chain !== undefined && { chain }),
  };
}
