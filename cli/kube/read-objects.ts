import type { KubeRequest } from "#client/kube/kube-requests.ts";
import { apiVersionOf } from "#client/kube/kube-resource.ts";
import type { KubeFields } from "./manifests.ts";
import type { Kube } from "./session.ts";
import { type ObjectTarget, type Target, readRequest } from "./targets.ts";

export interface ReadOptions {
  /** Objects of a page; 0 for all at once. */
  readonly chunkSize?: number;
  readonly subresource?: string | undefined;
  readonly accept?: string;
  readonly query?: NonNullable<KubeRequest["query"]>;
}

interface Page extends KubeFields {
  readonly items?: readonly KubeFields[];
}

/** Pages of what a target names: the object itself, or lists. @throws {StatusError} */
export async function* readPages<T extends Page>(
  { requests }: Kube,
  target: Target,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const request = readRequest(target);
  const { subresource, accept, chunkSize = 500 } = options;
  const path = subresource === undefined ? request.path : `${request.path}/${subresource}`;
  const limit = target.is === "list" && chunkSize > 0 ? chunkSize : undefined;
  let next: string | undefined;
  do {
    const query = { ...request.query, ...options.query, limit, continue: next };
    const page = await requests.json<T>(
      { ...request, path, query, ...(accept !== undefined && { accept }) },
      signal,
    );
    yield page;
    next = page.metadata?.["continue"] as string | undefined;
  } while (target.is === "list" && next !== undefined && next !== "");
}

/** The objects themselves, each with its apiVersion and kind. @throws {StatusError} */
export async function readObjects(
  kube: Kube,
  target: Target,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<readonly KubeFields[]> {
  const type = { apiVersion: apiVersionOf(target.resource), kind: target.resource.kind };
  const found: KubeFields[] = [];
  for await (const page of readPages<Page>(kube, target, options, signal)) {
    if (target.is === "object") found.push(page);
    else for (const item of page.items ?? []) found.push({ ...type, ...item });
  }
  return found;
}

export interface FoundObject {
  readonly target: ObjectTarget;
  readonly object: KubeFields;
}

/** The object that a target names, or those that a list of it has. @throws {StatusError} */
export async function findObjects(
  kube: Kube,
  target: Target,
  signal: AbortSignal,
): Promise<readonly FoundObject[]> {
  const { resource } = target;
  return (await readObjects(kube, target, {}, signal)).map((object) => {
    const { name = "", namespace = "" } = object.metadata ?? {};
    const where = resource.isNamespaced ? { namespace } : {};
    return { target: target.is === "object" ? target : { is: "object", resource, name, ...where }, object };
  });
}

/** The same of several targets. @param onError told of each that cannot be read, which is left out */
export async function findAllObjects(
  kube: Kube,
  targets: readonly Target[],
  onError: (error: unknown) => void,
  signal: AbortSignal,
): Promise<readonly FoundObject[]> {
  const found: FoundObject[] = [];
  for (const target of targets) {
    try {
      found.push(...(await findObjects(kube, target, signal)));
    } catch (error) {
      signal.throwIfAborted();
      onError(error);
    }
  }
  return found;
}
