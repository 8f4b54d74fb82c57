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

/** What the cluster's network of an instance is called in the kernel. */
export interface ServiceNames {
  /** The nftables table. */
  readonly table: string;
  /** The interface that has the addresses of services that the node itself serves; at most 15 bytes. */
  readonly link: string;
}

/** @param instance see {@link instanceName} */
export function serviceNames(instance: string): ServiceNames {
  return {
    table: `${instance.replaceAll("-", "_")}_services`,
    link: instance.replace(usualInstance, "gsvc"),
  };
}

/** 24 bits of FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return (value >>> 8) ^ (value & 0xff);
}
