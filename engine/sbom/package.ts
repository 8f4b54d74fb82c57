import type { Licence } from "./licence.ts";

/** The ecosystem that a package is of, by the type that package URLs have for it. */
export type PackageKind = "deb" | "apk" | "rpm" | "npm" | "pypi" | "golang";

/** A package that is installed in an image, as its own database or files say. */
export interface Package {
  readonly kind: PackageKind;
  /** With its scope or path where the ecosystem has them: `@types/node`, `golang.org/x/net`. */
  readonly name: string;
  /** The whole one: epoch and revision belong to it. */
  readonly version: string;
  readonly architecture?: string;
  /** What it was built from, where that has another name or version. */
  readonly source?: { readonly name: string; readonly version: string };
  readonly licences: readonly Licence[];
  readonly publisher?: string;
  /** Where it is said to be installed, without a leading slash. */
  readonly path: string;
  /** Index of the layer that says so, the base's is 0. */
  readonly layer: number;
}

/** Everything known about what an image contains. */
export interface Inventory {
  readonly distribution: Distribution | undefined;
  /** Sorted by kind, name, version, architecture and path. */
  readonly packages: readonly Package[];
  /** Databases that are there and cannot be read, each with the reason: packages are missing for them. */
  readonly unread: readonly { readonly path: string; readonly reason: string }[];
}

/** @see os-release(5) */
export interface Distribution {
  /** `debian`, `alpine`, `fedora`. */
  readonly id: string;
  /** `12`, `3.20.1`; absent for what rolls. */
  readonly versionId?: string;
  /** `bookworm`. */
  readonly codename?: string;
  readonly prettyName?: string;
}
