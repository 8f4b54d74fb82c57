import { isIndexType, mediaTypes } from "#oci/media-types.ts";

/** Whether an `Accept` header lets an answer of that media type through; without one everything is accepted. */
export function isAccepted(accept: string | undefined, mediaType: string): boolean {
  const ranges = (accept ?? "")
    .split(",")
    .map((range) => (range.split(";", 1)[0] ?? "").trim().toLowerCase())
    .filter((range) => range !== "");
  if (ranges.length === 0) return true;
  const [kind] = mediaType.split("/", 1);
  return ranges.some((range) => range === "*/*" || range === `${kind}/*` || range === mediaType);
}

/**
 * What to do about a manifest that a client asked for by a tag and cannot read, as Docker's registry does: of a Docker list the
 * image for linux/amd64 is sent instead, a Docker manifest is sent nevertheless, for clients of before there were others; an OCI
 * document is not there for it.
 */
export function fallbackFor(mediaType: string): "platform" | "as-is" | "unknown" {
  if (mediaType === mediaTypes.dockerManifestList) return "platform";
  return mediaType === mediaTypes.dockerManifest ? "as-is" : "unknown";
}

/** How a message calls it. */
export function describeType(mediaType: string): string {
  return isIndexType(mediaType) ? "OCI index" : "OCI manifest";
}
