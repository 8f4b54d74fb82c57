import { mediaTypes } from "#oci/media-types.ts";
import { type Answer, json, type RegistryRequest } from "./answer.ts";
import { getContentDigest } from "./blob-requests.ts";
import { nextLink, parsePage } from "./paging.ts";
import { refusal } from "./refusal.ts";
import type { StoredManifest } from "./repository-rows.ts";

const MAX_TAGS = 10_000;
const MAX_REPOSITORIES = 1000;
/** A list of referrers is a document that clients read at once, and has annotations of strangers in it. */
const MAX_REFERRERS_BYTES = 2 * 1024 * 1024;

/** Names of repositories with a manifest. @see Docker Registry HTTP API V2, catalog */
export function listRepositories({ registry, query, path }: RegistryRequest): Answer {
  const page = parsePage(query, MAX_REPOSITORIES);
  const found = registry.rows.repositories({ ...page, count: page.count + 1 });
  const repositories = found.slice(0, page.count);
  return json({ repositories }, linkAfter(path, page.count, found.length, repositories.at(-1)));
}

/** @see OCI distribution-spec v1.1.1, listing tags */
export function listTags({ registry, query, path }: RegistryRequest, name: string): Answer {
  const page = parsePage(query, MAX_TAGS);
  if (!registry.rows.hasManifests(name))
    throw refusal("NAME_UNKNOWN", `repository name not known to registry: ${name}`);
  const found = registry.rows.tags(name, { ...page, count: page.count + 1 });
  const tags = found.slice(0, page.count);
  return json({ name, tags }, linkAfter(path, page.count, found.length, tags.at(-1)));
}

function linkAfter(path: string, count: number, found: number, last: string | undefined) {
  if (last === undefined || found <= count) return {};
  return { Link: nextLink(path, { n: String(count), last }) };
}

/** An index of what is about a manifest, also about one that the repository has not. @see OCI distribution-spec v1.1.1, listing referrers */
export function listReferrers(
  { registry, query, path }: RegistryRequest,
  name: string,
  text: string,
): Answer {
  const subject = getContentDigest(text);
  const artifactType = query.get("artifactType") ?? undefined;
  const manifests: object[] = [];
  let bytes = 0;
  let last: string | undefined;
  let hasMore = false;
  for (const one of registry.rows.referrers(name, subject, artifactType, query.get("last") ?? "")) {
    const descriptor = descriptorOf(one);
    bytes += JSON.stringify(descriptor).length;
    hasMore = last !== undefined && bytes > MAX_REFERRERS_BYTES;
    if (hasMore) break;
    manifests.push(descriptor);
    last = one.digest;
  }
  const filter = artifactType === undefined ? {} : { artifactType };
  return json(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    {
      "Content-Type": mediaTypes.ociIndex,
      ...(artifactType !== undefined && { "OCI-Filters-Applied": "artifactType" }),
      ...(hasMore && last !== undefined && { Link: nextLink(path, { ...filter, last }) }),
    },
  );
}

function descriptorOf({ mediaType, digest, size, artifactType, annotations }: StoredManifest): object {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
}
