import { Fault } from "#base/fault.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { formatReference, type Reference, repositoryOf } from "#oci/reference.ts";

export interface RemovalRequest {
  readonly imageId: Digest;
  /** What the user typed. */
  readonly text: string;
  /** The names that the text stands for; undefined when it is the image's ID or a prefix of it. */
  readonly asked: readonly Reference[] | undefined;
  /** Every name of the image. */
  readonly references: readonly Reference[];
  readonly containers: readonly { readonly id: string; readonly isRunning: boolean }[];
  readonly force: boolean;
}

export interface Removal {
  readonly untag: readonly Reference[];
  readonly deletesImage: boolean;
}

/**
 * What `docker rmi` does: a name is taken away, the last one takes the image with it unless a container uses it; by ID all names
 * go at once, which needs force when they are in several repositories.
 *
 * @throws {Fault} `conflict` with Docker's texts
 */
export function planRemoval(request: RemovalRequest): Removal {
  return request.asked === undefined ? planById(request) : planByName(request, request.asked);
}

function planByName(request: RemovalRequest, asked: readonly Reference[]): Removal {
  const { references, containers, force, imageId, text } = request;
  const [user] = containers;
  if (!force && user !== undefined && isSingleReference(references))
    throw new Fault(
      "conflict",
      `conflict: unable to remove repository reference "${text}" (must force) - container ${shortId(user.id)} is using its referenced image ${shortId(hexOf(imageId))}`,
    );
  const untag = withDigestsOfRepository(asked, references);
  const gone = new Set(untag.map(formatReference));
  const isLast = references.every((reference) => gone.has(formatReference(reference)));
  const isUsed = force ? containers.some(({ isRunning }) => isRunning) : containers.length > 0;
  return { untag, deletesImage: isLast && !isUsed };
}

/** When the last tag of a repository goes, its digests go too. */
function withDigestsOfRepository(
  asked: readonly Reference[],
  references: readonly Reference[],
): readonly Reference[] {
  const gone = new Set(asked.map(formatReference));
  const repositories = new Set(asked.filter(({ digest }) => digest === undefined).map(repositoryOf));
  const rest = references.filter((reference) => !gone.has(formatReference(reference)));
  for (const reference of rest)
    if (reference.digest === undefined) repositories.delete(repositoryOf(reference));
  return [...asked, ...rest.filter((reference) => repositories.has(repositoryOf(reference)))];
}

function planById(request: RemovalRequest): Removal {
  const { references, containers, force, imageId } = request;
  const refuse = (how: "cannot" | "must", why: string) =>
    new Fault(
      "conflict",
      `conflict: unable to delete ${shortId(hexOf(imageId))} (${how} be forced) - ${why}`,
    );
  const running = containers.find(({ isRunning }) => isRunning);
  if (running !== undefined)
    throw refuse("cannot", `image is being used by running container ${shortId(running.id)}`);
  if (!force && !isSingleReference(references))
    throw refuse("must", "image is referenced in multiple repositories");
  const [stopped] = containers;
  if (!force && stopped !== undefined)
    throw refuse("must", `image is being used by stopped container ${shortId(stopped.id)}`);
  return { untag: references, deletesImage: true };
}

/** At most one tag, with digests of the same repository only. */
function isSingleReference(references: readonly Reference[]): boolean {
  if (references.length <= 1) return true;
  const tags = references.filter(({ digest }) => digest === undefined);
  return tags.length <= 1 && new Set(references.map(repositoryOf)).size === 1;
}

function shortId(id: string): string {
  return id.slice(0, 12);
}
