import { parseReference, repositoryOf } from "#oci/reference.ts";
import type { SbomSubject } from "./sbom-subject.ts";

/** Name and package URL of the image itself. @see package-url/purl-spec, type oci */
export function imageUrl({ reference, digest, architecture }: SbomSubject): {
  readonly name: string;
  readonly purl: string;
} {
  const id = encodeURIComponent(digest);
  const arch = encodeURIComponent(architecture);
  if (reference === undefined) return { name: digest, purl: `pkg:oci/image@${id}?arch=${arch}` };
  const parsed = parseReference(reference);
  const repository = repositoryOf(parsed);
  const last = encodeURIComponent(repository.slice(repository.lastIndexOf("/") + 1).toLowerCase());
  const given = [`arch=${arch}`, `repository_url=${encodeURIComponent(repository)}`];
  if (parsed.tag !== undefined) given.push(`tag=${encodeURIComponent(parsed.tag)}`);
  return { name: reference, purl: `pkg:oci/${last}@${id}?${given.join("&")}` };
}
