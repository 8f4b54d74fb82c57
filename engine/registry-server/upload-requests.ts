import { type Answer, empty, type RegistryRequest } from "./answer.ts";
import { getContentDigest } from "./blob-requests.ts";
import { type ContentDigest, findContentDigest, isRepositoryName } from "./names.ts";
import { parseContentRange } from "./ranges.ts";
import { refusal } from "./refusal.ts";
import type { Upload } from "./upload.ts";

/** `POST` to a repository's uploads. @see OCI distribution-spec v1.1.1, pushing blobs */
export async function beginUpload(request: RegistryRequest, name: string): Promise<Answer> {
  if (request.method !== "POST") throw refusal("UNSUPPORTED", "the operation is unsupported");
  const { registry, query } = request;
  const mounted = await mount(request, name);
  if (mounted !== undefined) return blobAnswer(name, mounted);
  if (query.has("digest")) return await uploadWhole(request, name, getContentDigest(query.get("digest")));
  const upload = await registry.uploads.begin(name);
  return uploadAnswer(upload, 0, 202);
}

/** `GET`, `PATCH`, `PUT` and `DELETE` of an upload under way. */
export async function serveUpload(request: RegistryRequest, name: string, id: string): Promise<Answer> {
  const upload = request.registry.uploads.get(name, id);
  try {
    return await serve(request, upload);
  } catch (error) {
    if (!(error instanceof OutOfPlace)) throw error;
    return uploadAnswer(upload, error.offset, 416);
  }
}

async function serve(request: RegistryRequest, upload: Upload): Promise<Answer> {
  const { registry, method, query } = request;
  switch (method) {
    case "GET":
    case "HEAD":
      return uploadAnswer(upload, await upload.offset(), 204);
    case "PATCH":
      return uploadAnswer(upload, await takeIn(request, upload), 202);
    case "PUT": {
      const digest = getContentDigest(query.get("digest"));
      await takeIn(request, upload);
      await registry.finishUpload(upload, digest);
      return blobAnswer(upload.repository, digest);
    }
    case "DELETE":
      await registry.uploads.cancel(upload);
      return empty(204, { "Docker-Upload-UUID": upload.id });
    default:
      throw refusal("UNSUPPORTED", "the operation is unsupported");
  }
}

/** Mounting what cannot be mounted begins an upload. */
async function mount({ registry, query }: RegistryRequest, name: string): Promise<ContentDigest | undefined> {
  const text = query.get("mount");
  if (text === null) return undefined;
  const digest = findContentDigest(text);
  if (digest === undefined) throw refusal("DIGEST_INVALID", `invalid digest: ${text.slice(0, 200)}`);
  const from = query.get("from") ?? undefined;
  if (from !== undefined && !isRepositoryName(from))
    throw refusal("NAME_INVALID", `invalid repository name: ${from.slice(0, 300)}`);
  return (await registry.mount(name, digest, from)) ? digest : undefined;
}

async function uploadWhole(request: RegistryRequest, name: string, digest: ContentDigest): Promise<Answer> {
  const { uploads } = request.registry;
  const upload = uploads.beginUnlisted(name);
  try {
    await takeIn(request, upload);
  } catch (error) {
    await uploads.cancel(upload);
    throw error;
  }
  await request.registry.finishUpload(upload, digest);
  return blobAnswer(name, digest);
}

/** A chunk that does not begin where the upload has got to. */
class OutOfPlace extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super(`upload has ${offset} bytes`);
    this.offset = offset;
  }
}

/** @throws {Fault} `BLOB_UPLOAD_INVALID`, `SIZE_INVALID`; {@link OutOfPlace} */
async function takeIn({ registry, message, body, signal }: RegistryRequest, upload: Upload): Promise<number> {
  const header = message.headers["content-range"];
  const range = header === undefined ? undefined : parseContentRange(header);
  if (header !== undefined && range === undefined)
    throw refusal("BLOB_UPLOAD_INVALID", `invalid Content-Range: ${header.slice(0, 100)}`);
  const length = message.headers["content-length"];
  if (range !== undefined && length !== undefined && Number(length) !== range.last - range.first + 1)
    throw refusal("SIZE_INVALID", `the chunk has ${length} bytes, its Content-Range is ${header}`);
  return await registry.append(
    upload,
    body(),
    (offset) => {
      if (range !== undefined && range.first !== offset) throw new OutOfPlace(offset);
    },
    signal,
  );
}

/** A range has no way to say that there is nothing, so that is `0-0`, as with Docker's registry. */
function uploadAnswer(upload: Upload, offset: number, status: number): Answer {
  return empty(status, {
    Location: `/v2/${upload.repository}/blobs/uploads/${upload.id}`,
    Range: `0-${Math.max(offset - 1, 0)}`,
    "Docker-Upload-UUID": upload.id,
  });
}

function blobAnswer(name: string, digest: ContentDigest): Answer {
  return empty(201, { Location: `/v2/${name}/blobs/${digest}`, "Docker-Content-Digest": digest });
}
