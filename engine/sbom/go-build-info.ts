import type { Package } from "./package.ts";

export type GoPackage = Omit<Package, "path" | "layer"> & { readonly kind: "golang" };

const magic = Buffer.from("\xff Go buildinf:", "latin1");
const MAX_MODULES = 10_000;

/**
 * Looks for the build information of Go in a program while it streams by. Found is what follows it, up to a bound.
 *
 * @see Go, package debug/buildinfo
 */
export class GoBuildInfoSearch {
  readonly #max: number;
  #isElf: boolean | undefined;
  #tail: Uint8Array = new Uint8Array(0);
  #found: Uint8Array[] | undefined;
  #foundBytes = 0;
  /** Of the file, before the tail. */
  #position = 0;

  constructor(maxBytes: number) {
    this.#max = maxBytes;
  }

  write(bytes: Uint8Array): void {
    if (this.#isElf === false || this.#foundBytes >= this.#max) return;
    if (this.#found !== undefined) return this.#keep(bytes);
    const whole = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes]);
    if (this.#isElf === undefined) {
      if (whole.length < 4) {
        this.#tail = Buffer.from(whole);
        return;
      }
      this.#isElf = whole[0] === 0x7f && whole[1] === 0x45 && whole[2] === 0x4c && whole[3] === 0x46;
      if (!this.#isElf) return;
    }
    this.#search(Buffer.from(whole.buffer, whole.byteOffset, whole.length));
  }

  /** It stands at a multiple of sixteen; a program that can read it has the same bytes elsewhere. */
  #search(whole: Buffer): void {
    for (let at = whole.indexOf(magic); at >= 0; at = whole.indexOf(magic, at + 1))
      if ((this.#position + at) % 16 === 0) return this.#keep(whole.subarray(at));
    const rest = Math.max(0, whole.length - magic.length + 1);
    this.#position += rest;
    this.#tail = Buffer.from(whole.subarray(rest));
  }

  /** Undefined when the program has none. */
  end(): Uint8Array | undefined {
    return this.#found && Buffer.concat(this.#found);
  }

  #keep(bytes: Uint8Array): void {
    const piece = Buffer.from(bytes.subarray(0, this.#max - this.#foundBytes));
    this.#foundBytes += piece.length;
    this.#found = [...(this.#found ?? []), piece];
  }
}

/** The modules that a program was built of, and the library of Go itself. Nothing for the form before Go 1.18. */
export function parseGoBuildInfo(bytes: Uint8Array): readonly GoPackage[] {
  const isInline = ((bytes[15] ?? 0) & 2) !== 0;
  const version = isInline ? textAt(bytes, 32) : undefined;
  const modules = version && textAt(bytes, version.end);
  if (version === undefined || modules === undefined) return [];
  const found: GoPackage[] = [];
  const [, release] = /^go(\d[\w.]*)/.exec(version.text) ?? [];
  if (release !== undefined) found.push({ kind: "golang", name: "stdlib", version: release, licences: [] });
  // Sixteen bytes of a mark stand before and after.
  for (const line of modules.text.slice(16, -16).split("\n", MAX_MODULES)) {
    const [word, name = "", moduleVersion = ""] = line.split("\t");
    const isReplacement = word === "=>";
    if (isReplacement) found.pop();
    if ((word === "dep" || word === "mod" || isReplacement) && name !== "" && moduleVersion !== "")
      found.push({ kind: "golang", name, version: moduleVersion, licences: [] });
  }
  return found.filter(({ version: one }) => one !== "(devel)");
}

/** A string with its length before it, as a variable-length number. */
function textAt(bytes: Uint8Array, at: number): { readonly text: string; readonly end: number } | undefined {
  let length = 0;
  for (let index = 0; index < 4; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << (7 * index);
    if (byte >= 0x80) continue;
    const start = at + index + 1;
    if (start + length > bytes.length) return undefined;
    return {
      text: Buffer.from(bytes.subarray(start, start + length)).toString("latin1"),
      end: start + length,
    };
  }
  return undefined;
}
