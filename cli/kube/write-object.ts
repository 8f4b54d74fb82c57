import type { KubeRequest } from "#client/kube/kube-requests.ts";
import { collectionPath, objectPath } from "#client/kube/kube-resource.ts";
import { ignoreNotFound, StatusError } from "#api/kube/status.ts";
import type { KubeFields } from "./manifests.ts";
import type { Kube } from "./session.ts";
import type { ObjectTarget } from "./targets.ts";

/** How a command writes objects. */
export interface WriteHow {
  readonly fieldManager: string;
  readonly isDryRun: boolean;
  readonly validation?: "Strict" | "Warn" | "Ignore";
}

export const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

function queryOf({ fieldManager, isDryRun, validation }: WriteHow): NonNullable<KubeRequest["query"]> {
  return { fieldManager, dryRun: isDryRun ? "All" : undefined, fieldValidation: validation };
}

/** @throws {StatusError} */
export function createObject(
  { requests }: Kube,
  { resource, namespace }: ObjectTarget,
  object: KubeFields,
  how: WriteHow,
  signal: AbortSignal,
): Promise<KubeFields> {
  const path = collectionPath(resource, namespace);
  return requests.json({ method: "POST", path, query: queryOf(how), body: object }, signal);
}

export interface Patch {
  readonly type: keyof typeof patchTypes;
  readonly body: unknown;
  readonly subresource?: string | undefined;
  /** Of server-side apply: takes fields over. */
  readonly force?: boolean;
}

/** @throws {StatusError} */
export function patchObject(
  { requests }: Kube,
  { resource, namespace, name }: ObjectTarget,
  { type, body, subresource, force }: Patch,
  how: WriteHow,
  signal: AbortSignal,
): Promise<KubeFields> {
  const path = objectPath(resource, { namespace, name }, subresource);
  const query = { ...queryOf(how), force };
  return requests.json({ method: "PATCH", path, query, body, bodyType: patchTypes[type] }, signal);
}

export function getObject(
  { requests }: Kube,
  { resource, namespace, name }: ObjectTarget,
  signal: AbortSignal,
): Promise<KubeFields> {
  return requests.json({ method: "GET", path: objectPath(resource, { namespace, name }) }, signal);
}

/** Undefined when it is not there. @throws {StatusError} */
export async function findLiveObject(
  kube: Kube,
  target: ObjectTarget,
  signal: AbortSignal,
): Promise<KubeFields | undefined> {
  try {
    return await getObject(kube, target, signal);
  } catch (error) {
    ignoreNotFound(error);
    return undefined;
  }
}

/** Says in a failure of the server's of which file it is. */
export function withSource(verb: string, source: string | undefined, error: unknown): unknown {
  if (source === undefined || !(error instanceof StatusError)) return error;
  const message = `error when ${verb} ${JSON.stringify(source)}: ${error.message}`;
  return new StatusError({ ...error.status, message });
}
