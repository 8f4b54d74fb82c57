import { isFault } from "#base/fault.ts";
import { formatReference, parseReference, withDefaultTag } from "#oci/reference.ts";

/** An image's name in full; undefined for an ID, which never means another image, and for what is neither. */
export function canonicalName(text: string): string | undefined {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return undefined;
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch (error) {
    if (isFault(error, "invalid")) return undefined;
    throw error;
  }
}
