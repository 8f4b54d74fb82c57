import type { ImageSummary } from "#client/docker-types.ts";
import { formatBytes3, formatBytes4 } from "../output/units.ts";
import type { Columns } from "./formatter.ts";
import { goTime, shortId, timeAgo } from "./text.ts";

/** A line of `images`: an image under one of its names. */
export interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

export const imageTable =
  "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";
export const imageDigestTable = imageTable.replace("{{.Tag}}\t", "{{.Tag}}\t{{.Digest}}\t");

const none = "<none>";

/** An image has a line for each tag; with digests shown, for each tag and digest. */
export function imageRows(images: readonly ImageSummary[], withDigests: boolean): readonly ImageRow[] {
  return images.flatMap((image) => rowsOf(image, withDigests));
}

function rowsOf(image: ImageSummary, withDigests: boolean): readonly ImageRow[] {
  const tags = (image.RepoTags ?? []).filter((name) => name !== `${none}:${none}`).map(splitTag);
  const digests = (image.RepoDigests ?? [])
    .filter((name) => name !== `${none}@${none}`)
    .map((name) => name.split("@"));
  if (tags.length === 0 && digests.length === 0)
    return [{ image, repository: none, tag: none, digest: none }];
  const repositories = [...new Set([...tags.map(([name]) => name), ...digests.map(([name = ""]) => name)])];
  return repositories.flatMap((repository) => {
    const own = tags.filter(([name]) => name === repository).map(([, tag]) => tag);
    const theirs = digests.filter(([name]) => name === repository).map(([, digest = none]) => digest);
    if (!withDigests)
      return (own.length === 0 ? [none] : own).map((tag) => ({ image, repository, tag, digest: none }));
    return (own.length === 0 ? [none] : own).flatMap((tag) =>
      (theirs.length === 0 ? [none] : theirs).map((digest) => ({ image, repository, tag, digest })),
    );
  });
}

function splitTag(name: string): readonly [string, string] {
  const colon = name.lastIndexOf(":");
  return [name.slice(0, colon), name.slice(colon + 1)];
}

const notKnown = "N/A";

export function imageColumns(isFull: boolean, now: Date): Columns<ImageRow> {
  const size = (bytes: number | undefined) =>
    bytes === undefined || bytes === -1 ? notKnown : formatBytes3(bytes);
  return {
    ID: ["IMAGE ID", ({ image: { Id } }) => (isFull ? Id : shortId(Id))],
    Repository: ["REPOSITORY", ({ repository }) => repository],
    Tag: ["TAG", ({ tag }) => tag],
    Digest: ["DIGEST", ({ digest }) => digest],
    CreatedSince: ["CREATED", ({ image: { Created } }) => (Created === 0 ? "" : timeAgo(Created, now))],
    CreatedAt: ["CREATED AT", ({ image: { Created } }) => goTime(Created)],
    Size: ["SIZE", ({ image }) => formatBytes3(image.Size)],
    Containers: [
      "CONTAINERS",
      ({ image: { Containers = -1 } }) => (Containers === -1 ? notKnown : String(Containers)),
    ],
    VirtualSize: ["SIZE", ({ image }) => formatBytes4(image.Size)],
    SharedSize: ["SHARED SIZE", ({ image }) => size(image.SharedSize)],
    UniqueSize: [
      "UNIQUE SIZE",
      ({ image: { Size, SharedSize = -1 } }) =>
        SharedSize === -1 ? notKnown : formatBytes3(Size - SharedSize),
    ],
  };
}
