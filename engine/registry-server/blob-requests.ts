import { type Answer, empty, type RegistryRequest } from "./answer.ts";
import { type ContentDigest, findContentDigest } from "./names.ts";
import { parseRange } from "./ranges.ts";
import { refusal } from "./refusal.ts";

/** `GET`, `HEAD` and `DELETE` of a blob. @see OCI distribution-spec v1.1.1, pulling blobs, deleting blobs */
export async function serveBlob(request: RegistryRequest, name: string, text: string): Promise<Answer> {
  const digest = getContentDigest(text);
  switch (request.method) {
    case "GET":
      return await getBlob(request, name, digest);
    case "HEAD": {
      const { size } = await request.registry.statBlob(name, digest);
      return { status: 200, headers: { ...headersOf(digest), "Content-Length": size } };
    }
    case "DELETE":
      await request.registry.deleteBlob(name, digest);
      return empty(202, { "Docker-Content-Digest": digest });
    default:
      throw refusal("UNSUPPORTED", "the operation is unsupported");
  }
}

/** @throws {Fault} `DIGEST_INVALID` */
export function getContentDigest(text: string | null): ContentDigest {
  const digest = text === null ? undefined : findContentDigest(text);
  if (digest !== undefined) return digest;
  throw refusal("DIGEST_INVALID", text === null ? "digest missing" : `invalid digest: ${text.slice(0, 200)}`);
}

async function getBlob(
  { registry, message }: RegistryRequest,
  name: string,
  digest: ContentDigest,
): Promise<Answer> {
  const headers = headersOf(digest);
  if (isKnown(message.headers["if-none-match"], headers.ETag)) {
    await registry.statBlob(name, digest);
    return { status: 304, headers };
  }
  const { file, size, check } = await registry.openBlob(name, digest);
  const isForAnother =
    message.headers["if-range"] !== undefined && message.headers["if-range"] !== headers.ETag;
  const range = isForAnother ? "whole" : parseRange(message.headers.range, size);
  if (range === "whole")
    return {
      status: 200,
      headers: { ...headers, "Content-Length": size },
      body: { file, range: undefined, ...(check !== undefined && { check }) },
    };
  if (range === "unsatisfiable") {
    await file.close();
    return empty(416, { "Content-Range": `bytes */${size}` });
  }
  return {
    status: 206,
    headers: {
      ...headers,
      "Content-Length": range.last - range.first + 1,
      "Content-Range": `bytes ${range.first}-${range.last}/${size}`,
    },
    body: { file, range },
  };
}

/** What a digest names never changes. */
function headersOf(digest: ContentDigest) {
  return {
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    "Accept-Ranges": "bytes",
    "Cache-Control": "max-age=31536000",
    ETag: `"${digest}"`,
  };
}

/** @see RFC 9110, 13.1.2 */
export function isKnown(header: string | undefined, tag: string): boolean {
  return header?.split(",").some((one) => one.trim().replace(/^W\//, "") === tag) ?? false;
}
