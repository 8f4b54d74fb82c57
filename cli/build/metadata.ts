import type { BuildResult } from "./run-build.ts";

/** Facts about a result as buildx writes them: sorted by name, those that are JSON in base64 taken apart. */
export function metadataOf(result: BuildResult): string {
  return JSON.stringify(metadataFields(result), undefined, 2);
}

export function metadataFields({ ref, response }: BuildResult): Readonly<Record<string, unknown>> {
  const fields: readonly (readonly [string, unknown])[] = [
    ...[...response].map(([name, value]) => [name, plainOf(value)] as const),
    ["buildx.build.ref", `default/default/${ref}`],
  ];
  return Object.fromEntries([...fields].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function plainOf(value: string): unknown {
  if (!/^eyJ|^W3/.test(value)) return value;
  try {
    return JSON.parse(Buffer.from(value, "base64").toString("utf8"));
  } catch {
    return value;
  }
}
