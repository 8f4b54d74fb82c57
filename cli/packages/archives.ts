import type { Distribution } from "#engine/sbom/package.ts";

/** One suite of a distribution's archive. */
export interface Suite {
  readonly name: string;
  /** Without a slash at its end. */
  readonly mirror: string;
  /** Whether it is the one that updates of security come by: it has to be fresh. */
  readonly isSecurity: boolean;
}

/** Where a distribution's packages come from, and who signs for them. */
export interface Archive {
  readonly suites: readonly Suite[];
  readonly components: readonly string[];
  /** Files of keys, of which the first that is there counts. */
  readonly keyrings: readonly string[];
}

export interface Mirrors {
  readonly mirror?: string | undefined;
  readonly securityMirror?: string | undefined;
  readonly keyring?: string | undefined;
}

const debianNames: Readonly<Record<string, string>> = {
  "10": "buster",
  "11": "bullseye",
  "12": "bookworm",
  "13": "trixie",
  "14": "forky",
};

/** Undefined for a distribution, or a release of one, whose archive is not known. */
export function findArchive(distribution: Distribution, mirrors: Mirrors): Archive | undefined {
  const { id, versionId = "", codename = debianNames[versionId] } = distribution;
  if (codename === undefined || !/^[a-z]{2,30}$/.test(codename)) return undefined;
  if (id === "debian") return debian(codename, mirrors);
  return id === "ubuntu" ? ubuntu(codename, mirrors) : undefined;
}

function debian(codename: string, { mirror, securityMirror, keyring }: Mirrors): Archive {
  const main = mirror ?? "http://deb.debian.org/debian";
  const security = securityMirror ?? "http://deb.debian.org/debian-security";
  return {
    suites: [
      { name: codename, mirror: main, isSecurity: false },
      { name: `${codename}-updates`, mirror: main, isSecurity: false },
      { name: `${codename}-security`, mirror: security, isSecurity: true },
    ],
    components: ["main", "contrib", "non-free-firmware", "non-free"],
    keyrings:
      keyring === undefined
        ? ["gpg", "pgp"].map((ending) => `/usr/share/keyrings/debian-archive-keyring.${ending}`)
        : [keyring],
  };
}

function ubuntu(codename: string, { mirror, securityMirror, keyring }: Mirrors): Archive {
  const main = mirror ?? "http://archive.ubuntu.com/ubuntu";
  return {
    suites: [
      { name: codename, mirror: main, isSecurity: false },
      { name: `${codename}-updates`, mirror: main, isSecurity: false },
      { name: `${codename}-security`, mirror: securityMirror ?? main, isSecurity: true },
    ],
    components: ["main", "universe", "restricted", "multiverse"],
    keyrings: keyring === undefined ? ["/usr/share/keyrings/ubuntu-archive-keyring.gpg"] : [keyring],
  };
}
