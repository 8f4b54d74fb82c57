import { isFault } from "#base/fault.ts";
import { formatReference, parseReference, type Reference, repositoryOf } from "#oci/reference.ts";

/** Which name a signature must carry. `matchDigest` is Gantry's own: any name or none, as cosign 3 writes none. */
export type SignedIdentity =
  | { readonly type: "matchExact" }
  | { readonly type: "matchRepoDigestOrExact" }
  | { readonly type: "matchRepository" }
  | { readonly type: "exactReference"; readonly dockerReference: Reference }
  | { readonly type: "exactRepository"; readonly dockerRepository: string }
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string }
  | { readonly type: "matchDigest" };

/**
 * Whether a signature that carries the name `signed` is one for the image called `name` (undefined for one that has no name).
 *
 * @see containers-policy.json(5), "signedIdentity"
 */
export function identityMatches(
  identity: SignedIdentity,
  name: Reference | undefined,
  signed: string | undefined,
): boolean {
  if (identity.type === "matchDigest") return true;
  const other = signed === undefined ? undefined : findReference(signed);
  if (other === undefined) return false;
  switch (identity.type) {
    case "exactReference":
      return formatReference(other) === formatReference(identity.dockerReference);
    case "exactRepository":
      return repositoryOf(other) === identity.dockerRepository;
    case "matchExact":
      return name !== undefined && isExact(name, other);
    case "matchRepository":
      return name !== undefined && repositoryOf(name) === repositoryOf(other);
    case "matchRepoDigestOrExact":
      return isRepoDigestOrExact(name, other);
    case "remapIdentity":
      return isRepoDigestOrExact(name && remap(name, identity), other);
    default:
      return identity satisfies never;
  }
}

function isExact(name: Reference, signed: Reference): boolean {
  if (name.tag === undefined && name.digest === undefined) return false;
  return formatReference(name) === formatReference(signed);
}

/** By digest nothing but the repository is left to compare; a digest decides also where a tag stands beside it. */
function isRepoDigestOrExact(name: Reference | undefined, signed: Reference): boolean {
  if (name === undefined) return false;
  return name.digest === undefined ? isExact(name, signed) : repositoryOf(name) === repositoryOf(signed);
}

function remap(
  name: Reference,
  { prefix, signedPrefix }: { readonly prefix: string; readonly signedPrefix: string },
): Reference | undefined {
  const repository = repositoryOf(name);
  if (repository !== prefix && !repository.startsWith(`${prefix}/`)) return name;
  const other = findReference(signedPrefix + repository.slice(prefix.length));
  return other && { ...name, domain: other.domain, path: other.path };
}

function findReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (isFault(error, "invalid")) return undefined;
    throw error;
  }
}
