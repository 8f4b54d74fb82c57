/** The instance whose root is the usual one. */
export const usualInstance = "gantry";

/**
 * What everything of an engine is named after in the kernel: `gantry` for the usual root, a name of its own for every other, so
 * that several live side by side.
 *
 * @param root absolute path of the data folder
 */
export function instanceName(root: string): string {
  if (root === "/var/lib/gantry") return usualInstance;
  return `${usualInstance}-${hash(root).toString(16).padStart(6, "0")}`;
}

/** 24 bits of FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return (value >>> 8) ^ (value & 0xff);
}
