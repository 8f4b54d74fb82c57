import { Fault } from "#base/fault.ts";
import { type Digest, isDigest } from "#oci/digest.ts";
import {
  familiarReference,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
  withDigest,
} from "#oci/reference.ts";
import type { ImageRecord } from "./images.ts";
import type { ImageStore } from "./image-store.ts";

/**
 * The image that a user means: by a name first, then by its ID or a prefix of it, as in Docker.
 *
 * @throws {Fault} `not-found` "No such image: X:tag"; `invalid` for what is no reference, or for a prefix of several IDs
 */
export function resolveImage(store: ImageStore, name: string): ImageRecord {
  const full = fullIdOf(name);
  if (full !== undefined) {
    const image = store.findById(full);
    if (image === undefined) throw noSuchImage(full);
    return image;
  }
  const reference = parseReference(name);
  const image = findByReference(store, reference) ?? findByPrefix(store, name);
  if (image === undefined) throw noSuchImage(familiarReference(withDefaultTag(reference)));
  return image;
}

/** Whether the text names the image by its ID rather than by a reference. @see Docker's rmi, which treats the two differently */
export function isIdPrefix(id: Digest, text: string): boolean {
  return id.startsWith(text) || id.slice("sha256:".length).startsWith(text);
}

/** The reference that a text means, undefined when it is the image's ID or a prefix of it. */
export function findMeant(text: string, id: Digest): Reference | undefined {
  return isIdPrefix(id, text) ? undefined : withDefaultTag(parseReference(text));
}

/** By tag or, where there is one, by digest alone: a tag beside a digest does not decide. */
export function findByReference(store: ImageStore, reference: Reference): ImageRecord | undefined {
  const { digest } = reference;
  const name = store.findName(
    digest === undefined ? withDefaultTag(reference) : withDigest(reference, digest),
  );
  if (name !== undefined) return store.findById(name.imageId);
  if (digest === undefined) return undefined;
  const repository = repositoryOf(reference);
  for (const { reference: other, target, imageId } of store.names())
    if (target === digest && repositoryOf(other) === repository) return store.findById(imageId);
  return undefined;
}

function fullIdOf(name: string): Digest | undefined {
  if (isDigest(name)) return name;
  const prefixed = `sha256:${name}`;
  return isDigest(prefixed) ? prefixed : undefined;
}

function findByPrefix(store: ImageStore, name: string): ImageRecord | undefined {
  const prefix = name.startsWith("sha256:") ? name : `sha256:${name}`;
  if (!/^sha256:[0-9a-f]{1,64}$/.test(prefix)) return undefined;
  let found: Digest | undefined;
  for (const id of store.ids()) {
    if (!id.startsWith(prefix)) continue;
    if (found !== undefined) throw new Fault("invalid", `Multiple IDs found with provided prefix: ${name}`);
    found = id;
  }
  return found === undefined ? undefined : store.findById(found);
}

function noSuchImage(name: string): Fault {
  return new Fault("not-found", `No such image: ${name}`);
}
