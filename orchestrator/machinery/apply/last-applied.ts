import { goMapJson } from "../go-text.ts";
import { bytes } from "../names.ts";
import type { Draft } from "../resource.ts";
import { compare } from "./compare.ts";
import { difference, has, type Path } from "./field-set.ts";
import type { FieldTypes } from "./ownership.ts";
import { toFieldSet } from "./to-field-set.ts";
import { typeErrors } from "./validate.ts";

const annotation = "kubectl.kubernetes.io/last-applied-configuration";
const mostAnnotationBytes = 256 * 1024;

/**
 * Which fields `kubectl apply --server-side` may take without force: those that the same user's client-side apply has set, as its
 * annotation tells, and nobody has changed since.
 *
 * @returns undefined when the object has no such annotation for this version
 */
export function allowedByLastApplied(
  { types, apiVersion }: { readonly types: FieldTypes; readonly apiVersion: string },
  live: Draft,
): ((path: Path) => boolean) | undefined {
  const config = findLastApplied(live);
  const atom = types.findAtom(apiVersion);
  if (config === undefined || atom === undefined || config["apiVersion"] !== apiVersion) return undefined;
  if (typeErrors(atom, config, false).length > 0 || typeErrors(atom, live, false).length > 0)
    return undefined;
  const { modified, added, removed } = compare(atom, config, live);
  const own = [modified, added, removed].reduce(difference, toFieldSet(atom, config));
  return (path) => has(own, path);
}

function findLastApplied(live: Draft): Draft | undefined {
  try {
    const parsed: unknown = JSON.parse(annotationsOf(live)?.[annotation] ?? "");
    return typeof parsed === "object" && parsed !== null ? (parsed as Draft) : undefined;
  } catch {
    return undefined;
  }
}

/** The object with the annotation of client-side apply brought up to date, where it has one. */
export function withLastApplied(object: Draft, config: Draft): Draft {
  if ((annotationsOf(object)?.[annotation] ?? "") === "") return object;
  const text = `${goMapJson(withoutAnnotation(config))}\n`;
  const { [annotation]: _, ...others } = annotationsOf(object) ?? {};
  const size = Object.entries({ ...others, [annotation]: text }).reduce(
    (sum, [key, value]) => sum + bytes(key) + bytes(value),
    0,
  );
  const annotations = size > mostAnnotationBytes ? others : { ...others, [annotation]: text };
  return { ...object, metadata: { ...(object["metadata"] as Draft), annotations } };
}

function withoutAnnotation(config: Draft): Draft {
  const annotations = annotationsOf(config);
  if (annotations === undefined) return config;
  const { [annotation]: _, ...others } = annotations;
  return { ...config, metadata: { ...(config["metadata"] as Draft), annotations: others } };
}

function annotationsOf(object: Draft): Readonly<Record<string, string>> | undefined {
  const metadata = object["metadata"] as
    | { readonly annotations?: Readonly<Record<string, string>> }
    | undefined;
  return metadata?.annotations ?? undefined;
}
