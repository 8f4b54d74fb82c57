import { type Answer, json, type RegistryRequest } from "./answer.ts";
import { serveBlob } from "./blob-requests.ts";
import { listReferrers, listRepositories, listTags } from "./list-requests.ts";
import { serveManifest } from "./manifest-requests.ts";
import { refusal } from "./refusal.ts";
import type { Resource } from "./route.ts";
import { beginUpload, serveUpload } from "./upload-requests.ts";

/** @throws {Fault} with a code of the specification */
export async function serveResource(request: RegistryRequest, resource: Resource): Promise<Answer> {
  switch (resource.kind) {
    case "base":
      return reading(request, () => json({}));
    case "catalog":
      return reading(request, () => listRepositories(request));
    case "tags":
      return reading(request, () => listTags(request, resource.name));
    case "referrers":
      return reading(request, () => listReferrers(request, resource.name, resource.digest));
    case "blob":
      return await serveBlob(request, resource.name, resource.digest);
    case "uploads":
      return await beginUpload(request, resource.name);
    case "upload":
      return await serveUpload(request, resource.name, resource.id);
    case "manifest":
      return await serveManifest(request, resource.name, resource.reference);
    default:
      return resource satisfies never;
  }
}

function reading({ method }: RegistryRequest, answer: () => Answer): Answer {
  if (method === "GET" || method === "HEAD") return answer();
  throw refusal("UNSUPPORTED", "the operation is unsupported");
}
