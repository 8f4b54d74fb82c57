import type { ByteText } from "#oci/tar/entry.ts";

const mebibyte = 1 << 20;

/** What a file of an image tells about packages, by its path. */
export type EvidenceKind =
  | "dpkg"
  | "apk"
  | "rpm"
  | "unread-rpm"
  | "os-release"
  | "copyright"
  | "npm"
  | "python"
  | "go";

/** Files above these sizes are not read: they are no databases of packages that somebody uses. */
export const maxBytesOf: Readonly<Record<EvidenceKind, number>> = {
  dpkg: 64 * mebibyte,
  apk: 64 * mebibyte,
  rpm: 192 * mebibyte,
  "unread-rpm": 0,
  "os-release": 64 * 1024,
  copyright: mebibyte,
  npm: mebibyte,
  python: mebibyte,
  go: 4 * mebibyte,
};

const rpmFolder = /^(?:var\/lib\/rpm|usr\/lib\/sysimage\/rpm|usr\/share\/rpm)\/[^/]+$/;
const npmPackage = /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+\/package\.json$/;

/** Undefined for a file that says nothing. The path is clean: no leading slash, no `.` and no `..`. */
export function evidenceOf(path: ByteText): EvidenceKind | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  switch (name) {
    case "status":
      return path === "var/lib/dpkg/status" ? "dpkg" : undefined;
    case "installed":
      return /^(?:usr\/)?lib\/apk\/db\/installed$/.test(path) ? "apk" : undefined;
    case "os-release":
      return path === "etc/os-release" || path === "usr/lib/os-release" ? "os-release" : undefined;
    case "copyright":
      return /^usr\/share\/doc\/[^/]+\/copyright$/.test(path) ? "copyright" : undefined;
    case "package.json":
      return npmPackage.test(path) ? "npm" : undefined;
    case "METADATA":
      return path.endsWith(".dist-info/METADATA") ? "python" : undefined;
    case "PKG-INFO":
      return path.endsWith(".egg-info/PKG-INFO") ? "python" : undefined;
    case "rpmdb.sqlite":
      return rpmFolder.test(path) ? "rpm" : undefined;
    case "Packages":
    case "Packages.db":
      return rpmFolder.test(path) ? "unread-rpm" : undefined;
    default:
      if (path.startsWith("var/lib/dpkg/status.d/"))
        return name.endsWith(".md5sums") || path.indexOf("/", 22) >= 0 ? undefined : "dpkg";
      return name.endsWith(".egg-info") ? "python" : undefined;
  }
}

/** Symbolic links that lead to evidence: documentation that packages share. */
export function isUsefulLink(path: ByteText): boolean {
  return /^usr\/share\/doc\/[^/]+(?:\/copyright)?$/.test(path);
}
