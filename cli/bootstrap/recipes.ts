import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import { accountsWith } from "./accounts.ts";
import type { LayerEntry } from "./layer.ts";
import { layerEntry } from "./layer.ts";

/** An image made of files picked from packages and of a few of our own. */
export interface Recipe {
  readonly reference: string;
  readonly summary: string;
  /** Package → the paths that are taken from it. Copyright files always are. */
  readonly packages: Readonly<Record<string, RegExp>>;
  /** Whether `/bin`, `/sbin`, `/lib` and `/lib64` are links into `/usr`, as in Debian. */
  readonly isMerged: boolean;
  readonly config: ImageRuntimeConfig;
  /** Beside those of every recipe; `seconds` is the image's time. */
  own(seconds: number): readonly LayerEntry[];
}

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const certificates = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt";

/** What Go's and glibc's resolvers need to look into `/etc/hosts` first. */
const nsswitch =
  "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n";

const staticPackages = {
  "base-files":
    /^(etc\/(debian_version|os-release|host\.conf)|usr\/lib\/os-release|usr\/share\/common-licenses\/.*)$/,
  "ca-certificates": /^usr\/share\/ca-certificates\/mozilla\/.*\.crt$/,
  netbase: /^etc\/(protocols|services|rpc|ethertypes)$/,
  tzdata: /^usr\/share\/zoneinfo\/.*$/,
};

/**
 * The C library without its tables for old character sets: Debian itself splits them off as gconv-modules-extra from
 * version 2.38 on.
 */
const libc =
  /^(usr\/)?lib(64)?\/(?!.*\/gconv\/(?!(gconv-modules|CP1252\.so|ISO8859-1\.so|ISO8859-15\.so|UNICODE\.so|UTF-16\.so|UTF-32\.so|UTF-7\.so)$)).*|^etc\/ld\.so\.conf\.d\/.*$/;
const libraries = /^(usr\/)?lib(64)?\/.*$/;

const basePackages = {
  ...staticPackages,
  "gcc-12-base": /^$/,
  libc6: libc,
  libcrypt1: libraries,
  "libgcc-s1": libraries,
  libssl3: libraries,
  openssl: /^(etc\/ssl\/openssl\.cnf|usr\/lib\/ssl\/(?!misc\/).*)$/,
};

const shellLess: Pick<Recipe, "isMerged" | "config" | "own"> = {
  isMerged: true,
  config: { Env: [path, certificates], WorkingDir: "/" },
  own: (seconds) => accountFiles("/usr/sbin/nologin", seconds),
};

export const recipes: Readonly<Record<string, Recipe>> = {
  static: {
    reference: "static:latest",
    summary: "certificates, time zones and accounts, for programs that are one static file; no shell",
    packages: staticPackages,
    ...shellLess,
  },
  base: {
    reference: "base:latest",
    summary: "static with glibc and openssl, for programs that are linked to them; no shell",
    packages: basePackages,
    ...shellLess,
  },
  busybox: {
    reference: "busybox:latest",
    summary: "one static program that is a shell and 260 small tools",
    packages: { "busybox-static": /^bin\/busybox$/ },
    isMerged: false,
    config: { Env: [path], Cmd: ["sh"], WorkingDir: "/" },
    own: (seconds) => accountFiles("/bin/sh", seconds),
  },
};

function accountFiles(shell: string, seconds: number): readonly LayerEntry[] {
  const { passwd, group } = accountsWith(shell);
  const text = (file: string, content: string) => layerEntry(file, seconds, { bytes: Buffer.from(content) });
  return [text("etc/passwd", passwd), text("etc/group", group), text("etc/nsswitch.conf", nsswitch)];
}
