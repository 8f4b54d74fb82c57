import { formatReference, parseReference } from "#oci/reference.ts";

/** `docker.io/library/busybox:latest` for `busybox:latest`. */
export function fullName(familiar: string): string {
  return formatReference(parseReference(familiar));
}
