import { isFault } from "#base/fault.ts";
import { failure } from "#api/kube/status.ts";
import { applyJsonPatch, type JsonPatchOperation } from "#orchestrator/machinery/json-patch.ts";
import { applyMergePatch } from "#orchestrator/machinery/merge-patch.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";

export type PatchKind = "json" | "merge" | "strategic" | "apply";

const kinds: Readonly<Record<string, PatchKind>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** @throws {StatusError} `UnsupportedMediaType` */
export function patchKindOf(contentType: string | undefined, isCustom: boolean): PatchKind {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const kind = kinds[type];
  if (kind !== undefined && !(isCustom && kind === "strategic")) return kind;
  const accepted = Object.entries(kinds)
    .filter(([, one]) => !(isCustom && one === "strategic"))
    .map(([name]) => name);
  throw failure(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );
}

const operationsMost = 10_000;

/**
 * What a JSON patch or a merge patch makes of an object, which stays as it is.
 *
 * @throws {StatusError} `BadRequest`, `Invalid`, `RequestEntityTooLarge`
 */
export function patched(kind: "json" | "merge", object: Draft, patch: unknown): Draft {
  try {
    if (kind === "merge") return applyMergePatch(object as never, patch as never) as Draft;
    const operations = patch as readonly JsonPatchOperation[];
    if (operations.length > operationsMost)
      throw failure(
        "RequestEntityTooLarge",
        `Request entity too large: The allowed maximum operations in a JSON patch is ${operationsMost}, got ${operations.length}`,
      );
    return applyJsonPatch(object as never, operations) as unknown as Draft;
  } catch (error) {
    if (isFault(error, "invalid")) throw failure("Invalid", error.message);
    throw error;
  }
}
