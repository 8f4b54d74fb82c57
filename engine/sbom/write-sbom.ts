import { cycloneDx } from "./cyclonedx.ts";
import type { SbomFormat, SbomSubject } from "./sbom-subject.ts";
import { spdx } from "./spdx.ts";

/** A bill of materials as JSON text. The same subject gives the same bytes. */
export function writeSbom(subject: SbomSubject, format: SbomFormat): string {
  return `${JSON.stringify(sbomDocument(subject, format), null, 2)}\n`;
}

/** The same as an object, for those who put it into something larger. */
export function sbomDocument(subject: SbomSubject, format: SbomFormat): object {
  switch (format) {
    case "cyclonedx-json":
      return cycloneDx(subject);
    case "spdx-json":
      return spdx(subject);
    default:
      return format satisfies never;
  }
}
