import { asObject, isAbsent } from "#oci/shape.ts";
import { parseParagraphs } from "./control.ts";
import { parseLicences } from "./licence.ts";
import type { Package } from "./package.ts";

export type LanguagePackage = Omit<Package, "path" | "layer"> & { readonly kind: "npm" | "pypi" };

const npmName = /^(?:@[^/\s]{1,214}\/)?[^/\s@][^/\s]{0,213}$/;

/** What a `package.json` below `node_modules` says; undefined for one that is none of a package. */
export function parsePackageJson(bytes: Uint8Array): LanguagePackage | undefined {
  let json: ReturnType<typeof asObject>;
  try {
    json = asObject(JSON.parse(new TextDecoder().decode(bytes)), "package.json");
  } catch {
    return undefined; // whatever it is: it describes no package
  }
  const { name, version } = json;
  if (typeof name !== "string" || typeof version !== "string" || !npmName.test(name) || version === "")
    return undefined;
  return { kind: "npm", name, version: version.slice(0, 256), licences: parseLicences(npmLicences(json)) };
}

/** @see npm, package.json: `license`, and the older `licenses` and `{type, url}` */
function* npmLicences({ license, licenses }: Readonly<Record<string, unknown>>): Generator<string> {
  for (const one of [license, ...(Array.isArray(licenses) ? (licenses as unknown[]) : [])]) {
    if (typeof one === "string") yield one;
    else if (typeof one === "object" && !isAbsent(one) && "type" in one && typeof one.type === "string")
      yield one.type;
  }
}

/**
 * What a Python distribution's `METADATA` or `PKG-INFO` says.
 *
 * @see PyPA core metadata 2.4; PEP 503 for the normal form of names
 */
export function parsePythonMetadata(text: string): LanguagePackage | undefined {
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const head = text.slice(0, end);
  const [fields] = parseParagraphs(head);
  const [name = "", version = ""] = [fields?.get("name"), fields?.get("version")];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) || version === "") return undefined;
  const classifiers = Array.from(
    head.matchAll(/^Classifier: License :: (?:OSI Approved :: )?(.+)$/gim),
    ([, words = ""]) => words,
  );
  const stated = [fields?.get("license-expression") ?? "", firstLine(fields?.get("license") ?? "")];
  const [first] = stated.filter((words) => words !== "" && words.length <= 100);
  return {
    kind: "pypi",
    name: name.toLowerCase().replaceAll(/[-_.]+/g, "-"),
    version: version.slice(0, 256),
    licences: parseLicences(first === undefined ? classifiers : [first]),
  };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
