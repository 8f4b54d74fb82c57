import { Fault, isFault } from "#base/fault.ts";
import type { ImageRecord, Progress } from "#engine/images/images.ts";
import { familiarReference, formatReference, parseReference, withDefaultTag } from "#oci/reference.ts";
import type { BuildContext } from "./build-deps.ts";
import type { BuildRequest } from "./builder.ts";

/** @throws {Fault} with the registry's refusal, in Docker's texts, when the image is neither here nor there */
export async function findOrPull(
  context: Pick<BuildContext, "images" | "distribution">,
  request: Pick<BuildRequest, "pulls" | "credentials">,
  name: string,
  platform: string,
  pulling: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<ImageRecord> {
  if (!request.pulls)
    try {
      return context.images.resolve(name);
    } catch (error) {
      if (!isFault(error, "not-found")) throw error;
    }
  const reference = parseReference(name);
  const credentials = request.credentials?.(reference.domain) ?? {};
  const asked = {
    name: familiarReference(withDefaultTag(reference)),
    tag: "",
    isAll: false,
    platform,
    credentials,
  };
  await context.distribution.pull(asked, pulling, signal);
  return context.images.resolve(name);
}

/** The name in full, or as it stands when it is none. */
export function shownImage(name: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(name)));
  } catch {
    return name;
  }
}

/** In BuildKit's words. */
export function metadataFault(image: string, error: Fault): Fault {
  const isName = error.kind === "invalid" && error.message.startsWith("invalid reference format");
  return new Fault(
    error.kind,
    isName
      ? `failed to parse stage name ${JSON.stringify(image)}: ${error.message}`
      : `${image}: failed to resolve source metadata for ${shownImage(image)}: ${error.message}`,
    { cause: error, detail: error.detail },
  );
}
