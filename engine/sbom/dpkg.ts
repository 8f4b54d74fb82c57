import { parseParagraphs } from "./control.ts";
import { type Licence, parseLicences } from "./licence.ts";
import type { Package } from "./package.ts";

/** A package of dpkg's before its place in the image is known. */
export type DebPackage = Omit<Package, "path" | "layer" | "licences"> & { readonly kind: "deb" };

/**
 * What dpkg's `status`, or a file of `status.d` in an image without dpkg, says is installed. Packages of which only the
 * configuration is left do not count.
 */
export function* parseDpkgStatus(text: string): Generator<DebPackage> {
  for (const fields of parseParagraphs(text)) {
    const [name, version, status] = [fields.get("package"), fields.get("version"), fields.get("status")];
    if (name === undefined || version === undefined || name === "" || version === "") continue;
    if (status !== undefined && status.split(/\s+/)[2] !== "installed") continue;
    const architecture = fields.get("architecture");
    const publisher = fields.get("maintainer");
    const source = sourceOf(fields.get("source"), name, version);
    yield {
      kind: "deb",
      name,
      version,
      ...(architecture !== undefined && { architecture }),
      ...(publisher !== undefined && { publisher }),
      ...(source !== undefined && { source }),
    };
  }
}

/** `Source: name (version)`, both only where they differ. */
function sourceOf(field: string | undefined, name: string, version: string): Package["source"] {
  const [, source = name, sourceVersion = version] = /^(\S+)(?:\s+\((\S+)\))?/.exec(field ?? "") ?? [];
  return source === name && sourceVersion === version ? undefined : { name: source, version: sourceVersion };
}

/**
 * The licences that a package's copyright file names: the short names of one that machines can read, else those of
 * `/usr/share/common-licenses` that it points to.
 *
 * @see Machine-readable debian/copyright 1.0
 */
export function parseCopyright(text: string): readonly Licence[] {
  if (/^Format(?:-Specification)?:/im.test(text.slice(0, 4096))) {
    const names: string[] = [];
    for (const fields of parseParagraphs(text)) {
      const [name] = (fields.get("license") ?? "").split("\n");
      if (name !== undefined && name.length <= 100) names.push(name);
    }
    const licences = parseLicences(names);
    if (licences.length > 0) return licences;
  }
  const pointers = text.matchAll(/\/usr\/share\/common-licenses\/([A-Za-z0-9.+-]*[A-Za-z0-9+])/g);
  return parseLicences(
    Array.from(pointers, ([, name = ""]) => name).filter((name) => /\d|BSD|Artistic/.test(name)),
  );
}
