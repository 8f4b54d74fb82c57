import type { PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { safeEncode } from "#orchestrator/machinery/generate-name.ts";

const encoder = new TextEncoder();

/** A short name for what a template says: the same for the same content, whatever the order of its members. */
export function hashOf(content: unknown, collisions?: number): string {
  const bytes = encoder.encode(canonical(content) + (collisions === undefined ? "" : `#${collisions}`));
  return safeEncode(String(fnv32a(bytes)));
}

/** The label of ReplicaSets and their pods that tells one template of a Deployment from another. */
export const templateHashLabel = "pod-template-hash";

/** The template without the label that its own hash is in. */
export function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [templateHashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** @see FNV-1a, 32 bits */
function fnv32a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}
