import { parseLicences } from "./licence.ts";
import type { Package } from "./package.ts";

export type ApkPackage = Omit<Package, "path" | "layer"> & { readonly kind: "apk" };

/**
 * Reads apk's database of installed packages, or an APKINDEX, which has the same fields: paragraphs of lines `L:value`, where
 * the letter's case matters.
 *
 * @see Alpine wiki, "Apk spec"
 */
export function* parseApkDatabase(text: string): Generator<ApkPackage> {
  for (const paragraph of text.split(/\n\n+/)) {
    const fields = new Map<string, string>();
    for (const line of paragraph.split("\n"))
      if (line[1] === ":" && !fields.has(line[0] ?? "")) fields.set(line[0] ?? "", line.slice(2).trim());
    const [name = "", version = ""] = [fields.get("P"), fields.get("V")];
    if (name === "" || version === "") continue;
    const [architecture, origin, publisher] = [fields.get("A"), fields.get("o"), fields.get("m")];
    yield {
      kind: "apk",
      name,
      version,
      licences: parseLicences([fields.get("L") ?? ""]),
      ...(architecture !== undefined && { architecture }),
      ...(publisher !== undefined && { publisher }),
      ...(origin !== undefined && origin !== name && { source: { name: origin, version } }),
    };
  }
}
