import type { Digest } from "#oci/digest.ts";
import type { Inventory } from "./package.ts";

/** What a bill of materials is of. The same subject gives the same bytes. */
export interface SbomSubject {
  /** As people call it, e.g. `docker.io/acme/app:1`; undefined for an image without a name. */
  readonly reference?: string;
  /** Of the image's manifest, or of its config where that is not known. */
  readonly digest: Digest;
  readonly architecture: string;
  readonly os: string;
  /** Diff IDs of the layers, base first. */
  readonly layers: readonly string[];
  readonly inventory: Inventory;
  /** What the document gives as its time, seconds since 1970: SOURCE_DATE_EPOCH, or when the image was made. */
  readonly time: number;
  /** Of Gantry. */
  readonly toolVersion: string;
}

/** The formats, by the names that other tools have for them. */
export const sbomFormats = ["cyclonedx-json", "spdx-json"] as const;
export type SbomFormat = (typeof sbomFormats)[number];

/** RFC 3339 in whole seconds. */
export function rfc3339(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
