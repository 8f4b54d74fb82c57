import { isFault } from "#base/fault.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import { type Platform, selectPlatform } from "#oci/platform.ts";
import { formatReference, parseReference, withDefaultTag, withDigest } from "#oci/reference.ts";
import { credentialsOf } from "./registry-auth.ts";
import type { Session } from "./sessions.ts";

interface PinDeps {
  readonly session: Session;
  readonly exchange: () => Promise<ContentExchange>;
}

/**
 * The name, by its digest, of what an image of a registry is for a platform; undefined when the registry has nothing for it, or
 * cannot be asked: whoever pulls it is told why.
 */
export async function pinnedBase(
  { session, exchange }: PinDeps,
  name: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const reference = withDefaultTag(parseReference(name));
    if (reference.digest !== undefined) return undefined;
    const credentials = credentialsOf(session, reference.domain);
    const place = { reference, credentials, isInsecure: false };
    using remote = await (await exchange()).open(place, signal);
    const { document } = remote;
    if (document.kind !== "index") return undefined;
    const chosen = selectPlatform(document.manifests, platform);
    if (chosen === undefined) return undefined;
    return formatReference(withDigest({ domain: reference.domain, path: reference.path }, chosen.digest));
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    return undefined;
  }
}
