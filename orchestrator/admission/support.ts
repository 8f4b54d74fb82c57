import type { KubeObject, ObjectMeta } from "#api/kube/meta.ts";
import { failure, type StatusCause, type StatusError } from "#api/kube/status.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import { parseQuantity, type Quantity } from "#orchestrator/machinery/quantity.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { Admission } from "./plugin.ts";

/** What plugins look at beside the request. */
export interface AdmissionDeps {
  readonly objects: ObjectReader;
  /** Resolves when {@link objects} has seen all that was written before. */
  readonly fresh: (signal: AbortSignal) => Promise<unknown>;
}

/** @param name with its group, e.g. `ingresses.networking.k8s.io`, or `pods` of core */
export function isFor({ resource, subresource }: Admission, name: string, part = ""): boolean {
  return qualified(resource) === name && subresource === part;
}

export function isCreate(request: Admission, name: string): boolean {
  return request.operation === "CREATE" && isFor(request, name);
}

/** `pods "web" is forbidden: …` */
export function refuse(request: Admission, problem: string, causes?: readonly StatusCause[]): StatusError {
  const { group, resource } = request.resource;
  const name = nameOf(request);
  return failure(
    "Forbidden",
    `${qualified(request.resource)} ${JSON.stringify(name)} is forbidden: ${problem}`,
    {
      name,
      ...(group !== "" && { group }),
      kind: resource,
      ...(causes !== undefined && { causes }),
    },
  );
}

/** Of an object whose name is yet to be generated, the beginning of it. */
function nameOf({ name, object }: Admission): string {
  if (name !== "") return name;
  const metadata = object?.["metadata"] as ObjectMeta | undefined;
  return metadata?.name || metadata?.generateName || "Unknown";
}

/** An amount as it stands in an object; undefined for what is none. */
export function amountOf(value: unknown): Quantity | undefined {
  return typeof value === "string" || typeof value === "number" ? parseQuantity(String(value)) : undefined;
}

/** What is being written, as its type; what it is has been checked. */
export function objectOf<T>({ object }: Admission): Mutable<T> {
  return object as Mutable<T>;
}

/** Makes what is being written what it is to become. */
export function replaceObject(object: Draft, next: Draft): void {
  for (const name of Object.keys(object)) if (!Object.hasOwn(next, name)) delete object[name];
  Object.assign(object, next);
}

export type Mutable<T> = T extends (infer U)[] | readonly (infer U)[]
  ? Mutable<U>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** One that may have been made just now. */
export async function findFresh<T extends KubeObject>(
  { objects, fresh }: AdmissionDeps,
  resource: string,
  namespace: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<T | undefined> {
  const found = objects.find<T>(resource, namespace, name);
  if (found !== undefined) return found;
  await fresh(signal);
  return objects.find<T>(resource, namespace, name);
}
