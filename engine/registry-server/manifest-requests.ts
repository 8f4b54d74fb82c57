import { collect } from "#base/collect.ts";
import { describeType, fallbackFor, isAccepted } from "./accept.ts";
import { type Answer, empty, type RegistryRequest } from "./answer.ts";
import { isKnown } from "./blob-requests.ts";
import { parseManifestDocument } from "./manifest-document.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import { parseReference, type Reference } from "./registry.ts";
import { refusal } from "./refusal.ts";
import type { StoredManifest } from "./repository-rows.ts";

/** Of the images of a list, what clients get that know no lists: Docker's registry has it so. */
const defaultPlatform = "linux/amd64";

/** `GET`, `HEAD`, `PUT` and `DELETE` of a manifest. @see OCI distribution-spec v1.1.1, pulling, pushing and deleting manifests */
export async function serveManifest(request: RegistryRequest, name: string, text: string): Promise<Answer> {
  switch (request.method) {
    case "GET":
    case "HEAD":
      return await getManifest(request, name, text);
    case "PUT":
      return await putManifest(request, name, parseReference(text));
    case "DELETE":
      await request.registry.deleteManifest(name, parseReference(text));
      return empty(202);
    default:
      throw refusal("UNSUPPORTED", "the operation is unsupported");
  }
}

async function getManifest(
  { registry, message }: RegistryRequest,
  name: string,
  text: string,
): Promise<Answer> {
  const reference = findReference(text, name);
  const found = registry.getManifest(name, reference);
  const manifest = isAccepted(message.headers.accept, found.mediaType)
    ? found
    : await instead(registry, name, reference, found);
  const headers = {
    "Content-Type": manifest.mediaType,
    "Docker-Content-Digest": manifest.digest,
    ETag: `"${manifest.digest}"`,
  };
  if (isKnown(message.headers["if-none-match"], headers.ETag)) return { status: 304, headers };
  const body = await registry.readManifest(manifest);
  return { status: 200, headers: { ...headers, "Content-Length": body.length }, body };
}

/** What cannot be the name of a manifest is the name of none. */
function findReference(text: string, name: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    if (text.includes(":")) throw error;
    throw refusal("MANIFEST_UNKNOWN", `manifest unknown to registry: ${name} has no ${text.slice(0, 200)}`);
  }
}

/** For a client that cannot read what it asked for. */
async function instead(
  registry: RegistryRequest["registry"],
  name: string,
  reference: Reference,
  found: StoredManifest,
): Promise<StoredManifest> {
  const what = fallbackFor(found.mediaType);
  if (what === "as-is" || (what === "platform" && reference.kind === "digest")) return found;
  if (what === "unknown") {
    const type = describeType(found.mediaType);
    throw refusal("MANIFEST_UNKNOWN", `${type} found, but accept header does not support it`);
  }
  const { manifests } = parseManifestDocument(await registry.readManifest(found), found.mediaType);
  const digest = manifests.find(({ platform }) => platform === defaultPlatform)?.digest;
  if (digest === undefined)
    throw refusal("MANIFEST_UNKNOWN", `manifest list found, which has no image for ${defaultPlatform}`);
  return registry.getManifest(name, { kind: "digest", digest });
}

async function putManifest(request: RegistryRequest, name: string, reference: Reference): Promise<Answer> {
  const { registry, message, signal } = request;
  const contentType = (message.headers["content-type"] ?? "").split(";", 1)[0]?.trim() ?? "";
  const bytes = await readDocument(request);
  const { digest, subject } = await registry.putManifest(name, reference, bytes, contentType, signal);
  return empty(201, {
    Location: `/v2/${name}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
    ...(subject !== undefined && { "OCI-Subject": subject }),
  });
}

async function readDocument({ message, body }: RegistryRequest): Promise<Buffer> {
  const tooLarge = () => refusal("SIZE_INVALID", `manifests have at most ${MAX_DOCUMENT_BYTES} bytes`, 413);
  if (Number(message.headers["content-length"] ?? 0) > MAX_DOCUMENT_BYTES) throw tooLarge();
  return Buffer.concat(await collect(body(), MAX_DOCUMENT_BYTES, tooLarge));
}
