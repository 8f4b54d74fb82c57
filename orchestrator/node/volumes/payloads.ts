import type { ConfigMap, Secret } from "#api/kube/types/core.ts";
import type { DownwardAPIVolumeFile, KeyToPath } from "#api/kube/types/core-volumes.ts";
import { Fault } from "#base/fault.ts";
import { type FieldContext, fieldValue, resourceFieldValue } from "../field-values.ts";
import type { Payload, Projection } from "./atomic-writer.ts";

export interface KeyedSource {
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

/** @throws {Fault} `precondition` when a key that must be there is not */
export function configMapPayload(map: ConfigMap, source: KeyedSource, mode: number): Payload {
  const all = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(map.data ?? {})) all.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(map.binaryData ?? {})) all.set(key, Buffer.from(text, "base64"));
  return projected(all, source, mode, "configmap");
}

/** @throws {Fault} `precondition` when a key that must be there is not */
export function secretPayload(secret: Secret, source: KeyedSource, mode: number): Payload {
  const all = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(secret.data ?? {})) all.set(key, Buffer.from(text, "base64"));
  return projected(all, source, mode, "secret");
}

function projected(
  all: ReadonlyMap<string, Uint8Array>,
  { items, optional = false }: KeyedSource,
  mode: number,
  what: string,
): Payload {
  const result = new Map<string, Projection>();
  if (items === undefined || items.length === 0) {
    for (const [key, bytes] of all) result.set(key, { bytes, mode });
    return result;
  }
  for (const { key, path, mode: own } of items) {
    const bytes = all.get(key);
    if (bytes !== undefined) result.set(path, { bytes, mode: own ?? mode });
    else if (!optional)
      throw new Fault(
        "precondition",
        `references non-existent ${what === "secret" ? "secret" : "config"} key: ${key}`,
      );
  }
  return result;
}

export function downwardPayload(
  context: FieldContext,
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
): Payload {
  const result = new Map<string, Projection>();
  for (const { path, fieldRef, resourceFieldRef, mode = defaultMode } of items) {
    const text =
      fieldRef !== undefined
        ? fieldValue(context, fieldRef.fieldPath)
        : resourceFieldRef === undefined
          ? ""
          : resourceFieldValue(context, resourceFieldRef, undefined);
    result.set(path, { bytes: Buffer.from(text), mode });
  }
  return result;
}
