import type { Distribution } from "./package.ts";

/** Undefined for a file without an ID. @see os-release(5) */
export function parseOsRelease(text: string): Distribution | undefined {
  const fields = new Map<string, string>();
  for (const [, name = "", quoted, single, plain = ""] of text.matchAll(
    /^([A-Z_0-9]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S*))\s*$/gm,
  ))
    fields.set(name, quoted?.replaceAll(/\\(.)/g, "$1") ?? single ?? plain);
  const id = fields.get("ID")?.toLowerCase();
  if (id === undefined || !/^[a-z0-9._-]{1,64}$/.test(id)) return undefined;
  const [versionId, codename, prettyName] = ["VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME"].map((name) =>
    fields.get(name),
  );
  return {
    id,
    ...(versionId && { versionId }),
    ...(codename && { codename }),
    ...(prettyName && { prettyName }),
  };
}
