import { Fault } from "#base/fault.ts";
import { familiarName, familiarReference, parseReference, type Reference } from "#oci/reference.ts";
import { matchGlob } from "./glob.ts";
import type { ImageRecord } from "./images.ts";
import { createdMs } from "./prune.ts";

/** The filters of `GET /images/json`, already parsed; an absent one lets everything pass. */
export interface ImageListFilter {
  /** Patterns with `*`, `?` and `[…]` over familiar names, with or without the tag. */
  readonly reference?: readonly string[];
  readonly dangling?: boolean;
  /** `key` or `key=value`; all must be there. */
  readonly label?: readonly string[];
  /** Creation times, milliseconds since 1970, exclusive. */
  readonly before?: number;
  readonly since?: number;
  readonly until?: number;
}

const known: ReadonlySet<string> = new Set(["reference", "dangling", "label", "before", "since", "until"]);

/**
 * Reads the filters of a request.
 *
 * @param parseTime turns the text of `until` into milliseconds since 1970
 * @throws {Fault} `invalid` for an unknown filter or value; `not-found` for an image that `before` or `since` names
 */
export function parseImageListFilter(
  filters: Readonly<Record<string, readonly string[]>>,
  resolve: (name: string) => ImageRecord,
  parseTime: (text: string) => number,
): ImageListFilter {
  for (const name of Object.keys(filters))
    if (!known.has(name)) throw new Fault("invalid", `invalid filter '${name}'`);
  const { reference, dangling, label, before, since, until } = filters;
  const timeOf = (names: readonly string[]) => names.map((name) => createdMs(resolve(name)));
  return {
    ...(reference === undefined ? {} : { reference }),
    ...(dangling === undefined ? {} : { dangling: parseBoolean("dangling", dangling) }),
    ...(label === undefined ? {} : { label }),
    ...(before === undefined ? {} : { before: Math.min(...timeOf(before)) }),
    ...(since === undefined ? {} : { since: Math.max(...timeOf(since)) }),
    ...(until === undefined ? {} : { until: Math.min(...until.map(parseTime)) }),
  };
}

/** The images that pass, newest first. */
export function filterImages(
  images: readonly ImageRecord[],
  filter: ImageListFilter,
): readonly ImageRecord[] {
  return images
    .filter((image) => passes(image, filter))
    .toSorted((left, right) => createdMs(right) - createdMs(left) || (left.id < right.id ? -1 : 1));
}

function passes(image: ImageRecord, filter: ImageListFilter): boolean {
  const { dangling, label, before, since, until } = filter;
  const created = createdMs(image);
  if (dangling !== undefined && dangling !== (image.repoTags.length === 0)) return false;
  if (before !== undefined && created >= before) return false;
  if (since !== undefined && created <= since) return false;
  if (until !== undefined && created >= until) return false;
  if (!(label ?? []).every((text) => hasLabel(image, text))) return false;
  if (filter.reference === undefined) return true;
  return [...image.repoTags, ...image.repoDigests].some(nameFilter(filter));
}

/** Whether a `reference` filter shows a name; for views, which leave out the others. */
export function nameFilter({ reference }: ImageListFilter): (name: string) => boolean {
  if (reference === undefined) return () => true;
  return (name) => {
    const parsed = parseReference(name);
    return reference.some((pattern) => matchesReference(pattern, parsed));
  };
}

/** @throws {Fault} `invalid` "syntax error in pattern" */
export function matchesReference(pattern: string, reference: Reference): boolean {
  return matchGlob(pattern, familiarReference(reference)) || matchGlob(pattern, familiarName(reference));
}

function hasLabel(image: ImageRecord, text: string): boolean {
  const labels = image.config.config?.Labels ?? {};
  const equals = text.indexOf("=");
  if (equals < 0) return Object.hasOwn(labels, text);
  const key = text.slice(0, equals);
  return Object.hasOwn(labels, key) && labels[key] === text.slice(equals + 1);
}

function parseBoolean(name: string, values: readonly string[]): boolean {
  const parsed = new Set(
    values.map((value) => {
      if (["1", "true", "True", "TRUE"].includes(value)) return true;
      if (["0", "false", "False", "FALSE"].includes(value)) return false;
      throw new Fault("invalid", `invalid filter '${name}=[${value}]'`);
    }),
  );
  if (parsed.size !== 1) throw new Fault("invalid", `invalid filter '${name}'`);
  return parsed.has(true);
}
